import { useLanguage } from '../i18n/translate.tsx'

/** Numbers, sizes and times as the reader's language writes them, each with its unit. */
export function createFormat(locale: string) {
  const whole = new Intl.NumberFormat(locale)
  const tenth = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 })
  const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 })
  const absolute = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' })
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' })
  const units = new Map<string, Intl.NumberFormat>()

  const withUnit = (value: number, unit: string): string => {
    let format = units.get(unit)
    if (!format) {
      format = new Intl.NumberFormat(locale, {
        style: 'unit',
        unit,
        // Its short form is “412 byte”.
        unitDisplay: unit === 'byte' ? 'long' : 'short',
        maximumFractionDigits: 1,
      })
      units.set(unit, format)
    }
    return format.format(value)
  }

  return {
    count: (value: number) => whole.format(value),
    rate: (value: number) => (value >= 100 ? whole.format(Math.round(value)) : tenth.format(value)),
    percent: (share: number) => percent.format(share),
    at: (timeMs: number) => absolute.format(timeMs),
    ago: (timeMs: number, nowMs: number) => {
      const { value, unit } = inUnit(timeMs - nowMs)
      return relative.format(Math.trunc(value), unit)
    },
    duration: (ms: number) => {
      if (ms < 1_000) return withUnit(ms, 'millisecond')
      const { value, unit } = inUnit(ms)
      return withUnit(value, unit)
    },
    bytes: (bytes: number) => {
      const names = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte']
      let value = bytes
      let step = 0
      while (value >= 1_000 && step < names.length - 1) {
        value /= 1_000
        step += 1
      }
      return withUnit(value, names[step] ?? 'byte')
    },
  }
}

export type Format = ReturnType<typeof createFormat>

type Unit = 'second' | 'minute' | 'hour' | 'day'
const STEPS: readonly (readonly [Unit, number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
]

function inUnit(ms: number): { value: number; unit: Unit } {
  for (const [unit, size] of STEPS) if (Math.abs(ms) >= size) return { value: ms / size, unit }
  return { value: ms / 1_000, unit: 'second' }
}

const formats = new Map<string, Format>()

export function useFormat(): Format {
  const { locale } = useLanguage()
  let format = formats.get(locale)
  if (!format) formats.set(locale, (format = createFormat(locale)))
  return format
}
