import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useLanguage } from '../i18n/translate.tsx'

export interface Line {
  readonly label: string
  readonly values: readonly number[]
  readonly format: (value: number) => string
  /** One of the three inks of the stylesheet. */
  readonly ink: 1 | 2 | 3
  readonly axis?: 'left' | 'right'
}

interface PlotProps {
  /** What it shows, for those who do not see it. */
  readonly label: string
  readonly summary: string
  readonly atMs: readonly number[]
  readonly lines: readonly Line[]
}

/** Lines over time, on a canvas: ten thousand points are one path. */
export function Plot({ label, summary, atMs, lines }: PlotProps) {
  const room = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const { locale } = useLanguage()
  const data = [atMs.map((ms) => ms / 1_000), ...lines.map(({ values }) => values)] as uPlot.AlignedData
  const latest = useRef(data)
  latest.current = data

  useEffect(() => {
    const element = room.current
    if (!element) return undefined
    const ink = (name: string) => getComputedStyle(element.querySelector(`.ink-${name}`) ?? element).color
    const axis = { stroke: () => ink('soft'), grid: { stroke: () => ink('line'), width: 1 }, ticks: { show: false } }
    const rightAxis: uPlot.Axis = {
      ...axis,
      scale: 'right',
      side: 1,
      size: 64,
      grid: { show: false },
      values: (_, splits) => splits.map((value) => right(value)),
    }
    const time = new Intl.DateTimeFormat(locale, { timeStyle: 'short', hourCycle: 'h23' })
    const exact = new Intl.DateTimeFormat(locale, { timeStyle: 'medium', hourCycle: 'h23' })
    // Minutes alone would say the same of neighbours.
    const times = (splits: number[]) => {
      const isFine = (splits[1] ?? 0) - (splits[0] ?? 0) < 60
      return splits.map((second) => (isFine ? exact : time).format(second * 1_000))
    }
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: 240,
        padding: [12, 8, 0, 0],
        cursor: { drag: { x: true, y: false } },
        scales: { left: { range: fromZero }, right: { range: fromZero } },
        axes: [
          { ...axis, size: 34, space: 80, values: (_, splits) => times(splits) },
          { ...axis, scale: 'left', size: 64, values: (_, splits) => splits.map((value) => left(value)) },
          ...(lines.some((line) => line.axis === 'right') ? [rightAxis] : []),
        ],
        series: [
          { label: '', value: (_, second) => (second === null ? '–' : exact.format(second * 1_000)) },
          ...lines.map((line) => ({
            label: line.label,
            scale: line.axis ?? 'left',
            width: 1.5,
            stroke: () => ink(String(line.ink)),
            points: { show: false },
            value: (_: uPlot, value: number | null) => (value === null ? '–' : line.format(value)),
          })),
        ],
      },
      latest.current,
      element,
    )
    function left(value: number): string {
      return lines.find((line) => line.axis !== 'right')?.format(value) ?? String(value)
    }
    function right(value: number): string {
      return lines.find((line) => line.axis === 'right')?.format(value) ?? String(value)
    }
    plot.current = made
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: 240 }))
    resized.observe(element)
    const themed = new MutationObserver(() => made.redraw(false, true))
    themed.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    const dark = matchMedia('(prefers-color-scheme: dark)')
    const redraw = () => made.redraw(false, true)
    dark.addEventListener('change', redraw)
    return () => {
      resized.disconnect()
      themed.disconnect()
      dark.removeEventListener('change', redraw)
      made.destroy()
    }
    // The lines' names and inks do not change while a page stands; a change of language makes the plot again.
  }, [locale])

  useEffect(() => {
    plot.current?.setData(data)
  })

  return (
    <figure class="plot">
      <figcaption class="visually-hidden">
        {label}. {summary}
      </figcaption>
      <div ref={room} aria-hidden="true">
        <span class="ink-1" />
        <span class="ink-2" />
        <span class="ink-3" />
        <span class="ink-soft" />
        <span class="ink-line" />
      </div>
    </figure>
  )
}

/** Below it an axis would count parts of messages. */
const LEAST_TOP = 5

function fromZero(_: uPlot, _min: number, max: number): uPlot.Range.MinMax {
  return [0, Math.max(LEAST_TOP, max * 1.1)]
}
