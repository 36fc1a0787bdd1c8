import type { App, RequestContract } from '@alarm-bus/contracts'
import { describeErrors, describeTerms } from './describe-request.ts'
import { partExamplesOf } from './examples.ts'

/** Every request for people, in Markdown; nothing where there is none. */
export function catalogueOfRequests(requests: readonly RequestContract[], apps: readonly App[]): readonly string[] {
  if (requests.length === 0) return []
  return [
    '',
    '# Requests',
    '',
    '| request | subject | owner | asked by | answered by |',
    '|---|---|---|---|---|',
    ...requests.map((request) => row(request, apps)),
    ...requests.flatMap((request) => ['', ...section(request)]),
  ]
}

function row(request: RequestContract, apps: readonly App[]): string {
  const names = (field: 'asks' | 'answers'): string =>
    apps
      .filter((app) => app[field].includes(request))
      .map(({ name }) => `\`${name}\``)
      .join(', ') || 'no app'
  const { name, subject, owner } = request
  return `| ${[`[${name}](#${name})`, `\`${subject}\``, owner, names('asks'), names('answers')].join(' | ')} |`
}

function section(request: RequestContract): readonly string[] {
  const { name, description, request: asked, response, errors } = request
  const example = partExamplesOf(name, asked)[0]
  return [
    `## ${name}`,
    '',
    description,
    '',
    `- ${describeTerms(request)}`,
    `- ${describeErrors(request)}`,
    ...(example === undefined ? [] : ['', '```json', JSON.stringify(example), '```']),
    ...schemaOf('Asked', asked.jsonSchema),
    ...schemaOf('Answered', response.jsonSchema),
    ...Object.entries(errors).flatMap(([code, part]) => schemaOf(`Error \`${code}\``, part.jsonSchema)),
  ]
}

function schemaOf(title: string, schema: Readonly<Record<string, unknown>>): readonly string[] {
  return ['', `${title}:`, '', '```json', JSON.stringify(schema, null, 2), '```']
}
