import type { Overview } from '../../../src/api.ts'
import { Link } from 'wouter-preact'
import { useT } from '../i18n/translate.tsx'
import { useFormat } from '../ui/format.ts'
import { Health } from '../ui/health.tsx'

/** The map without a drawing: each channel with who publishes to it and who handles it. */
export function BusList({ overview: { channels, publishes, handles } }: { readonly overview: Overview }) {
  const t = useT()
  const format = useFormat()
  return (
    <ul class="bus-list">
      {channels.map((channel) => {
        const publishers = publishes.filter((arrow) => arrow.channel === channel.name).map(({ app }) => app)
        return (
          <li key={channel.name}>
            <div class="row spread">
              <Link href={`/channels/${channel.name}`}>
                <strong>{channel.name}</strong>
              </Link>
              <span class="small">{t('rate', { rate: format.rate(channel.publishedPerSecond) })}</span>
            </div>
            <p class="small soft">
              {publishers.length > 0 ? t('map.from', { apps: publishers.join(', ') }) : t('map.fromNone')}
            </p>
            <ul>
              {handles
                .filter((handle) => handle.channel === channel.name)
                .map((handle) => (
                  <li key={handle.consumer} class={handle.health}>
                    <div class="row spread">
                      <Link href={`/consumers/${handle.stream}/${handle.consumer}`}>{handle.app}</Link>
                      <span class="small">
                        <Health level={handle.health} label={t(`state.${handle.state}`)} />
                      </span>
                    </div>
                    <p class="small soft">
                      {t('rate', { rate: format.rate(handle.handledPerSecond) })} ·{' '}
                      {t('lag', { count: format.count(handle.lag) })}
                      {handle.deadLetters > 0 && ` · ${t('map.dead', { count: format.count(handle.deadLetters) })}`}
                    </p>
                  </li>
                ))}
            </ul>
          </li>
        )
      })}
    </ul>
  )
}
