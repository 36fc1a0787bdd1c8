import { existsSync } from 'node:fs'
import { join } from 'node:path/posix'
import type { DefaultTheme, UserConfig } from 'vitepress'
import type { SitePage } from './site-pages.ts'

const GROUPS = {
  build: {
    en: 'Build an app',
    ko: '앱 만들기',
    pages: [
      'publishing',
      'subscribing',
      'dead-letters',
      'requests',
      'schedules',
      'order-by-key',
      'reading',
      'contracts',
      'testing-your-app',
      'channels',
    ],
  },
  use: { en: 'Use the apps', ko: '앱 사용하기', pages: ['http-api', 'alarms', 'logs', 'console'] },
  operate: {
    en: 'Operate the bus',
    ko: '버스 운영하기',
    pages: ['running', 'operations', 'observability', 'alerts', 'security', 'configuration', 'troubleshooting'],
  },
  beyond: { en: 'Beyond', ko: '그 너머', pages: ['other-languages', 'outside-this-repository'] },
} as const

/** The configuration of VitePress for these pages: nothing is loaded from elsewhere, and a dead link ends the build. */
export function siteConfig(pages: readonly SitePage[], folders: { srcDir: string; outDir: string }): UserConfig {
  return {
    ...folders,
    title: 'alarm-bus',
    description: 'Typed events between TypeScript services, over NATS JetStream.',
    cleanUrls: false,
    ignoreDeadLinks: false,
    // Text such as <client> and {{ … }} is shown as it is.
    markdown: { html: false, attrs: { disable: true } },
    themeConfig: { search: { provider: 'local' } },
    locales: {
      root: { label: 'English', lang: 'en', themeConfig: themeOf(pages, 'en') },
      ko: { label: '한국어', lang: 'ko', themeConfig: themeOf(pages, 'ko') },
    },
  }
}

function themeOf(pages: readonly SitePage[], language: 'en' | 'ko'): DefaultTheme.Config {
  const prefix = language === 'ko' ? 'ko/' : ''
  const titles = new Map(pages.map(({ path, text }) => [path, /^# (.*)$/m.exec(text)?.[1] ?? path]))
  const item = (name: string): DefaultTheme.SidebarItem[] =>
    [`${prefix}docs/${name}.md`, `docs/${name}.md`]
      .filter((path) => titles.has(path))
      .slice(0, 1)
      .map((path) => ({ text: titles.get(path) ?? name, link: `/${path.replace(/\.md$/, '')}` }))
  const decisions = [...titles]
    .filter(([path]) => /^decisions\/\d/.test(path))
    .map(([path, title]) => ({ text: title, link: `/${path.replace(/\.md$/, '')}` }))
  return {
    ...(language === 'ko' && {
      outline: { label: '이 페이지' },
      docFooter: { prev: '이전', next: '다음' },
      returnToTopLabel: '맨 위로',
      sidebarMenuLabel: '차례',
    }),
    nav: [
      { text: language === 'ko' ? '문서' : 'Docs', link: `/${prefix}docs/` },
      { text: 'Architecture', link: '/ARCHITECTURE' },
      { text: 'Decisions', link: '/decisions/' },
    ],
    sidebar: [
      ...Object.values(GROUPS).map((group) => ({ text: group[language], items: group.pages.flatMap(item) })),
      { text: language === 'ko' ? '결정(영어)' : 'Decisions', collapsed: true, items: decisions },
    ],
  }
}

/** The folder of images, where pages have any. */
export function imagesIn(repository: string): string | undefined {
  const folder = join(repository, 'docs/images')
  return existsSync(folder) ? folder : undefined
}
