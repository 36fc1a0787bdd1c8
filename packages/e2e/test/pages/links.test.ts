import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { appVariable } from '@alarm-bus/contracts'
import { expect, test } from 'vitest'
import { repository } from '../harness.ts'

// The text that people read: no link leads nowhere, and the pages of docs/ are the same in both languages.

/** Pages for those who change the code, in English alone, and the generated one. */
const ENGLISH_ONLY = [
  'alarm-consumer-sinks.md',
  'channels.md',
  'http-edge.md',
  'log-consumer-database.md',
  'log-consumer-http.md',
  'style.md',
]

function markdownIn(folder: string): readonly string[] {
  return readdirSync(`${repository}${folder}`)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
}

const packages = ['apps', 'packages'].flatMap((group) =>
  readdirSync(`${repository}${group}`).map((name) => `${group}/${name}/README.md`),
)
const files = [
  ...['.', 'docs', 'decisions', 'benchmarks'].flatMap((folder) => markdownIn(folder)),
  ...packages.filter((path) => existsSync(`${repository}${path}`)),
]

const read = (path: string): string => readFileSync(join(repository, path), 'utf8')
/** Code shows links that are none. */
const proseOf = (path: string): string =>
  read(path)
    .replace(/^```[^]*?^```$/gm, '')
    .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ' '))

/** The anchors of a page's headings, as GitHub and the site make them. */
function anchorsOf(path: string): readonly string[] {
  const times = new Map<string, number>()
  return [
    ...read(path)
      .replace(/^```[^]*?^```$/gm, '')
      .matchAll(/^#+ (.*)$/gm),
  ].map(([, title = '']) => {
    const slug = title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-')
    const earlier = times.get(slug) ?? 0
    times.set(slug, earlier + 1)
    return earlier === 0 ? slug : `${slug}-${earlier}`
  })
}

function deadLinksOf(path: string): readonly string[] {
  const links = [...proseOf(path).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  return links
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [file = '', anchor] = link.split('#')
      const target = file === '' ? path : relative(repository, join(repository, dirname(path), file))
      if (target.startsWith('..') || !existsSync(join(repository, target))) return true
      if (anchor === undefined) return false
      return statSync(join(repository, target)).isDirectory() || !anchorsOf(target).includes(decodeURIComponent(anchor))
    })
}

test.each(files)('%s links to what is there', (path) => {
  expect(deadLinksOf(path)).toEqual([])
})

const pages = readdirSync(`${repository}docs`).filter((name) => name.endsWith('.md') && !name.endsWith('.ko.md'))

test.each(pages.filter((name) => !ENGLISH_ONLY.includes(name)))(
  'docs/%s is there in Korean, with the same parts',
  (name) => {
    const korean = `docs/${name.replace(/\.md$/, '.ko.md')}`
    const shapeOf = (path: string) => ({
      headings: [
        ...read(path)
          .replace(/^```[^]*?^```$/gm, '')
          .matchAll(/^(#+) /gm),
      ].map(([, level]) => level),
      blocks: [...read(path).matchAll(/^```(\w+)$/gm)].map(([, language]) => language),
      rows: [...read(path).matchAll(/^\|/gm)].length,
    })
    expect(shapeOf(korean)).toEqual(shapeOf(`docs/${name}`))
  },
)

test.each([
  ['docs/README.md', pages],
  ['docs/README.ko.md', pages.map((name) => (ENGLISH_ONLY.includes(name) ? name : name.replace(/\.md$/, '.ko.md')))],
])('%s names every page', (index, expected) => {
  const linked = [...read(index).matchAll(/\]\(([^)#]+\.md)/g)].map(([, link]) => link)
  for (const page of expected.filter((name) => !name.startsWith('README'))) expect(linked).toContain(page)
})

test('every decision has a date and a status, and the index names it', () => {
  const linked = [...read('decisions/README.md').matchAll(/\]\(([^)#]+\.md)/g)].map(([, link]) => link)
  for (const name of readdirSync(`${repository}decisions`).filter((one) => /^\d/.test(one))) {
    expect(linked).toContain(name)
    expect(read(`decisions/${name}`), name).toMatch(
      /^# \d{3} .+\n\nStatus: (accepted|superseded by).* Date: \d{4}-\d\d-\d\d/,
    )
  }
})

test('the page of variables names every variable of .env.example', () => {
  // The page says how an app's port and password are called.
  const ofApps = readdirSync(`${repository}apps`).flatMap((app) => [
    appVariable(app, 'PORT'),
    `NATS_${appVariable(app, 'PASSWORD')}`,
  ])
  const variables = [...read('.env.example').matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)]
    .map(([, name = '']) => name)
    .filter((name) => !ofApps.includes(name))
  const missing = (path: string) => variables.filter((name) => !read(path).includes(`\`${name}\``))
  expect(missing('docs/configuration.md')).toEqual([])
  expect(missing('docs/configuration.ko.md')).toEqual([])
})

test('README fits on a few screens', () => {
  for (const path of ['README.md', 'README.ko.md']) expect(read(path).split('\n').length, path).toBeLessThanOrEqual(151)
})
