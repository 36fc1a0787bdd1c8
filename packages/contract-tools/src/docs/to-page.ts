import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type Element, Window } from 'happy-dom'
import type { JsonObject } from './json-schema.ts'
import { parseDocument } from './parse-document.ts'

const STYLE = '@asyncapi/react-component/styles/default.min.css'
/** Levels of a schema within a schema that are unfolded. */
const MAX_DEPTH = 20
/** What the component and React expect of a browser. */
const BROWSER_GLOBALS = [
  'window',
  'document',
  'navigator',
  'location',
  'HTMLElement',
  'HTMLIFrameElement',
  'Node',
] as const

/**
 * The document as one HTML page for people. AsyncAPI's own component draws it once, here, with everything unfolded; the
 * page itself needs no script and nothing from elsewhere.
 */
export async function toPage(document: JsonObject): Promise<string> {
  const window = new Window({ url: 'http://localhost/' })
  const root = window.document.createElement('div')
  window.document.body.append(root)
  const restore = borrowGlobals(window)
  let body: string
  try {
    await draw(root, await parseDocument(withoutExtensions(document)))
    flatten(root)
    body = root.innerHTML
  } finally {
    restore()
    // Closing empties the document.
    await window.happyDOM.close()
  }
  const style = await readFile(fileURLToPath(import.meta.resolve(STYLE)), 'utf8')
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<title>Alarm bus: events</title>',
    `<style>${style.trim()} body{font-family:system-ui,sans-serif}</style>`,
    '</head>',
    `<body>${body}</body>`,
    '</html>',
    '',
  ].join('\n')
}

/** They are for programs; what people need of them stands in the descriptions. */
function withoutExtensions(document: JsonObject): JsonObject {
  return JSON.parse(
    JSON.stringify(document, (key, value: unknown) => (key.startsWith('x-') ? undefined : value)),
  ) as JsonObject
}

/** React looks for its browser when it is loaded, so it is loaded with these in place. */
function borrowGlobals(window: Window): () => void {
  const before = BROWSER_GLOBALS.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const)
  for (const name of BROWSER_GLOBALS) {
    const value: unknown = name === 'window' ? window : window[name]
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  }
  return () => {
    for (const [name, descriptor] of before) {
      if (descriptor) Object.defineProperty(globalThis, name, descriptor)
      else Reflect.deleteProperty(globalThis, name)
    }
  }
}

async function draw(root: Element, schema: unknown): Promise<void> {
  const { act, createElement } = await import('react')
  const { createRoot } = await import('react-dom/client')
  const { default: component } = await import('@asyncapi/react-component')
  const config = { show: { sidebar: true, errors: false, schemas: false }, expand: { messageExamples: true } }
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })
  const app = createRoot(root as never)
  await act(async () => app.render(createElement(component.default, { schema, config } as never)))
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const folded = [...root.querySelectorAll('button')].filter((button) => button.textContent === 'Expand all')
    if (folded.length === 0) break
    await act(async () => folded.forEach((button) => button.click()))
  }
}

/** Buttons would do nothing in a page without scripts: their text stays. */
function flatten(root: Element): void {
  for (const button of root.querySelectorAll('button')) {
    if (button.textContent === 'Collapse all') button.remove()
    else {
      button.querySelectorAll('svg').forEach((icon) => icon.remove())
      button.replaceWith(...button.childNodes)
    }
  }
  root.querySelectorAll('.burger-menu').forEach((menu) => menu.remove())
}
