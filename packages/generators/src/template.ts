/** @turbo/gen looks for templates from where its configuration is: turbo/generators. */
export function template(path: string): string {
  return `../../packages/generators/templates/${path}`
}
