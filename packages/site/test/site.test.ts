import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { deadAnchors, loadedFromElsewhere } from '../src/check-built.ts'
import { pathOf, sitePages } from '../src/site-pages.ts'
import { slugify } from '../src/slugify.ts'

const pages = sitePages(fileURLToPath(new URL('../../../', import.meta.url)))
const textOf = (path: string): string => pages.find((page) => page.path === path)?.text ?? ''

test.each([
  ['README.md', 'index.md'],
  ['README.ko.md', 'ko/index.md'],
  ['docs/README.ko.md', 'ko/docs/index.md'],
  ['docs/publishing.ko.md', 'ko/docs/publishing.md'],
  ['decisions/016-plan-and-apply.md', 'decisions/016-plan-and-apply.md'],
])('%s is the page %s', (source, path) => {
  expect(pathOf(source)).toBe(path)
})

test('links follow the pages to where they are on the site', () => {
  expect(textOf('index.md')).toContain('[한국어](ko/index.md)')
  expect(textOf('ko/docs/publishing.md')).toContain('[English](../../docs/publishing.md)')
  expect(textOf('ko/docs/publishing.md')).toContain('(subscribing.md#한데-묶기)')
  expect(textOf('ko/docs/running.md')).toContain('(../../decisions/025-three-brokers.md)')
})

test('what is in the repository and not on the site is named by its path', () => {
  expect(textOf('docs/running.md')).toContain('observability/ (`observability`)')
  expect(textOf('index.md')).toContain('MIT (`LICENSE`)')
})

test('a heading has the same anchor as on GitHub', () => {
  expect(slugify('Hearing what is sent at most once')).toBe('hearing-what-is-sent-at-most-once')
  expect(slugify('한데 묶기')).toBe('한데-묶기')
  expect(slugify('The bus’s own `troubles`')).toBe('the-buss-own-troubles')
})

test('what a page loads from another host is found, and a link is not taken for it', () => {
  expect(loadedFromElsewhere('<a href="https://nats.io">NATS</a><img src="/logo.svg">')).toEqual([])
  expect(loadedFromElsewhere('<script async src="https://cdn.example/x.js"></script>')).toEqual([
    'https://cdn.example/x.js',
  ])
  expect(loadedFromElsewhere('@font-face { src: url(//fonts.example/a.woff2) }')).toEqual(['//fonts.example/a.woff2'])
})

test('a link to a heading that is not there is found', () => {
  const links =
    '<a href="./b.html#there">1</a><a class="x" href="/b/b.html#gone">2</a><a href="./b.html#%ED%95%9C">3</a>'
  const built = new Map([
    ['/b/a.html', `${links}<a href="https://x.example/#y">4</a><a href="#own">5</a>`],
    ['/b/b.html', '<h2 id="there">There</h2><h2 id="한">One</h2>'],
  ])
  expect(deadAnchors(built)).toEqual(['/b/a.html links to /b/b.html#gone', '/b/a.html links to #own'])
})
