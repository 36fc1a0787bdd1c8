import type { Health as Level, HandleArrow, Overview } from '../../../src/api.ts'
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { Link } from 'wouter-preact'
import { useT } from '../i18n/translate.tsx'
import { useFormat } from '../ui/format.ts'
import { Health } from '../ui/health.tsx'
import { BusList } from './bus-list.tsx'
import { layoutOf, type Place } from './layout.ts'

/** Below this there is no room for three columns with words on the arrows between them. */
const NARROWEST_PX = 760

/** Who publishes, the channels, who handles: a drawing where there is room for one, a list where not. */
export function BusMap({ overview }: { readonly overview: Overview }) {
  const room = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    const element = room.current
    if (!element) return undefined
    const measure = () => setWidth(element.clientWidth)
    measure()
    const resized = new ResizeObserver(measure)
    resized.observe(element)
    return () => resized.disconnect()
  }, [])
  return (
    <div ref={room} class={overview.connection.state === 'connected' ? undefined : 'stale'}>
      {width >= NARROWEST_PX && <Drawing overview={overview} width={width} />}
      {width > 0 && width < NARROWEST_PX && <BusList overview={overview} />}
    </div>
  )
}

interface Side {
  readonly left: number
  readonly width: number
}

function Drawing({ overview, width }: { readonly overview: Overview; readonly width: number }) {
  const t = useT()
  const format = useFormat()
  const layout = useMemo(() => layoutOf(overview), [overview])
  const node = Math.min(250, Math.round(width * 0.225))
  const publishers: Side = { left: 0, width: node }
  const channels: Side = { left: Math.round((width - node) * 0.44), width: node }
  const consumers: Side = { left: width - node, width: node }
  const place = ({ left, width }: Side, { top, height }: Place) => ({
    left: `${left}px`,
    top: `${top}px`,
    width: `${width}px`,
    height: `${height}px`,
  })
  return (
    <>
      <div class="map-heads" aria-hidden="true">
        <span style={{ left: '0' }}>{t('map.publishers')}</span>
        <span style={{ left: `${channels.left}px` }}>{t('map.channels')}</span>
        <span style={{ left: `${consumers.left}px` }}>{t('map.consumers')}</span>
      </div>
      <div class="map" style={{ height: `${layout.height}px` }}>
        <svg width={width} height={layout.height} aria-hidden="true">
          {layout.published.map(({ from, to, channel, app }) => (
            <Arrow
              key={`${app}>${channel.name}`}
              from={[publishers.left + publishers.width, middle(from)]}
              to={[channels.left, middle(to)]}
              level={channel.publishedPerSecond > 0 ? 'moving' : 'still'}
            />
          ))}
          {layout.handled.map(({ from, to, handle }) => (
            <Arrow
              key={`${handle.stream}/${handle.consumer}`}
              from={[channels.left + channels.width, middle(from)]}
              to={[consumers.left, middle(to)]}
              level={handle.health === 'ok' ? (handle.handledPerSecond > 0 ? 'moving' : 'still') : handle.health}
            />
          ))}
        </svg>
        <ul aria-label={t('map.publishers')}>
          {layout.publishers.map((one) => (
            <li key={one.app.name} class="node" style={place(publishers, one)}>
              <strong>{one.app.name}</strong>
              <span class="small soft">{t('map.publishesCount', { count: one.app.publishes.length })}</span>
            </li>
          ))}
        </ul>
        <ul aria-label={t('map.channels')}>
          {layout.channels.map((one) => (
            <li key={one.channel.name}>
              <span class="on-arrow" style={besideChannel(channels, one)}>
                {t('rate', { rate: format.rate(one.channel.publishedPerSecond) })}
              </span>
              <Link href={`/channels/${one.channel.name}`} class="node channel" style={place(channels, one)}>
                <strong>{one.channel.name}</strong>
                <span class="small soft">
                  <Health level={one.channel.health} bare />{' '}
                  {t('map.stored', { count: format.count(one.channel.messages) })}
                </span>
              </Link>
            </li>
          ))}
        </ul>
        <ul aria-label={t('map.consumers')}>
          {layout.consumers.map((one) => (
            <li key={`${one.handle.stream}/${one.handle.consumer}`}>
              <OnArrow handle={one.handle} place={one} left={channels.left + channels.width} right={consumers.left} />
              <Link
                href={`/consumers/${one.handle.stream}/${one.handle.consumer}`}
                class={`node ${one.handle.health}`}
                style={place(consumers, one)}
              >
                <strong>{one.handle.app}</strong>
                <span class="small">
                  <Health level={one.handle.health} label={t(`state.${one.handle.state}`)} />
                  {one.handle.deadLetters > 0 && (
                    <span class="soft"> · {t('map.dead', { count: format.count(one.handle.deadLetters) })}</span>
                  )}
                </span>
              </Link>
            </li>
          ))}
        </ul>
      </div>
    </>
  )
}

function OnArrow(props: { handle: HandleArrow; place: Place; left: number; right: number }) {
  const t = useT()
  const format = useFormat()
  const { handle, place, right } = props
  return (
    <span class="on-arrow" style={{ right: `calc(100% - ${right - 16}px)`, top: `${middle(place) - 21}px` }}>
      {t('rate', { rate: format.rate(handle.handledPerSecond) })}
      {' · '}
      <span class={handle.lag > 0 ? 'lagging' : undefined}>{t('lag', { count: format.count(handle.lag) })}</span>
    </span>
  )
}

function besideChannel({ left }: Side, place: Place) {
  return { right: `calc(100% - ${left - 16}px)`, top: `${middle(place) - 21}px` }
}

function middle({ top, height }: Place): number {
  return top + height / 2
}

interface ArrowProps {
  readonly from: readonly [x: number, y: number]
  readonly to: readonly [x: number, y: number]
  readonly level: Level | 'moving' | 'still'
}

/** Bends early and runs straight at its end, where the words stand on it. */
function Arrow({ from: [x1, y1], to: [x2, y2], level }: ArrowProps) {
  const turn = x1 + Math.min(90, (x2 - x1) * 0.4)
  const bend = (turn - x1) * 0.6
  return (
    <g class={`arrow ${level}`}>
      <path d={`M${x1} ${y1}C${x1 + bend} ${y1} ${turn - bend} ${y2} ${turn} ${y2}H${x2 - 6}`} />
      <path class="head" d={`M${x2 - 9} ${y2 - 4.5}L${x2 - 1} ${y2}L${x2 - 9} ${y2 + 4.5}z`} />
    </g>
  )
}
