import { useQueryClient } from '@tanstack/preact-query'
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Link, useLocation } from 'wouter-preact'
import type { Me } from '../../src/api.ts'
import { remove } from './api/client.ts'
import { useT } from './i18n/translate.tsx'
import { useLive } from './live/use-live.ts'
import { useFormat } from './ui/format.ts'
import { Logo } from './ui/logo.tsx'
import { Settings } from './ui/settings.tsx'
import { When } from './ui/when.tsx'

const PAGES = [
  ['/', 'overview.title'],
  ['/dead-letters', 'letters.title'],
  ['/messages', 'message.title'],
  ['/streams', 'streams.title'],
  ['/requests', 'requests.title'],
  ['/schedules', 'schedules.title'],
  ['/audit', 'audit.title'],
] as const

/** Pages that are reached from the overview belong to it. */
function isCurrent(href: string, path: string): boolean {
  if (href === '/') return path === '/' || path.startsWith('/channels/') || path.startsWith('/consumers/')
  return path === href || path.startsWith(`${href}/`)
}

export function Shell({ me, children }: { readonly me: Me; readonly children: ComponentChildren }) {
  const t = useT()
  const [path] = useLocation()
  const [open, setOpen] = useState(false)
  useEffect(() => setOpen(false), [path])
  return (
    <>
      <a class="skip" href="#main">
        {t('skip')}
      </a>
      <div class="shell">
        <header class={`side ${open ? 'open' : ''}`}>
          <div class="side-top">
            <Link href="/" class="brand">
              <Logo />
              <span>
                {t('app.name')} {me.development && <span class="environment">{t('development')}</span>}
              </span>
            </Link>
            <button
              type="button"
              class="button compact menu-button"
              aria-expanded={open}
              aria-controls="pages"
              onClick={() => setOpen(!open)}
            >
              {t('menu')}
            </button>
          </div>
          <nav class="nav" id="pages" aria-label={t('pages')}>
            <ul>
              {PAGES.map(([href, key]) => (
                <li key={href}>
                  <Link href={href} aria-current={isCurrent(href, path) ? 'page' : undefined}>
                    {t(key)}
                    {href === '/dead-letters' && <Standing />}
                  </Link>
                </li>
              ))}
            </ul>
          </nav>
          <div class="push">
            <Settings />
          </div>
          <Who me={me} />
        </header>
        <div>
          <Banner />
          <main id="main" tabIndex={-1}>
            {children}
          </main>
        </div>
      </div>
    </>
  )
}

function Standing() {
  const format = useFormat()
  const { overview } = useLive()
  const count = overview?.handles.reduce((sum, { deadLetters }) => sum + deadLetters, 0) ?? 0
  return count > 0 ? <span class="chip bad">{format.count(count)}</span> : null
}

function Who({ me }: { readonly me: Me }) {
  const t = useT()
  const queries = useQueryClient()
  const leave = async () => {
    await remove('/api/session')
    queries.clear()
    window.location.assign('/')
  }
  return (
    <div class="who">
      <span>
        {me.name} <span class="chip">{t(`role.${me.role}`)}</span>
      </span>
      {!me.development && (
        <button type="button" class="button plain compact" onClick={() => void leave()}>
          {t('logout')}
        </button>
      )}
    </div>
  )
}

/** Says that figures are old, and since when. */
function Banner() {
  const t = useT()
  const { overview, link } = useLive()
  const queries = useQueryClient()
  useEffect(() => {
    // The session may have ended; then the login page comes up in place of this one.
    if (link === 'lost') void queries.invalidateQueries({ queryKey: ['me'] })
  }, [link])
  if (link === 'lost') {
    return (
      <div class="banner" role="status">
        <p>
          <strong>{t('link.lost')}</strong> {t('link.lostHint')}
        </p>
      </div>
    )
  }
  if (overview && overview.connection.state !== 'connected') {
    return (
      <div class="banner" role="status">
        <p>
          <strong>{t('broker.away')}</strong> {t('broker.awaySince')} <When atMs={overview.lookedAtMs} />.{' '}
          {t('broker.awayHint')}
        </p>
      </div>
    )
  }
  return null
}
