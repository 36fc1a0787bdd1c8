import { useId } from 'preact/hooks'
import type { LetterFilter } from '../api/queries.ts'
import { useT } from '../i18n/translate.tsx'
import { useLive } from '../live/use-live.ts'
import { useFormat } from '../ui/format.ts'
import { AGES, ageOf } from './filter.ts'
import { REASONS } from './reasons.ts'
import { useReason } from './use-reason.ts'

interface FiltersProps {
  readonly filter: LetterFilter
  readonly onChange: (filter: LetterFilter) => void
}

export function Filters({ filter, onChange }: FiltersProps) {
  const t = useT()
  const format = useFormat()
  const reasonText = useReason()
  const { overview } = useLive()
  const channels = overview?.channels.map(({ name }) => name) ?? []
  const handles = (overview?.handles ?? []).filter(({ channel }) => !filter.channel || channel === filter.channel)
  const without = (...names: (keyof LetterFilter)[]): LetterFilter => {
    const rest = { ...filter }
    for (const name of ['group', ...names] as const) delete rest[name]
    return rest
  }
  const set = (name: 'channel' | 'consumer' | 'reason', value: string) =>
    onChange({ ...without(name), ...(value && { [name]: value }) })
  const setAge = (value: string) => {
    const [name, ms] = value.split('=')
    onChange({ ...without('olderThanMs', 'newerThanMs'), ...(name && { [name]: Number(ms) }) })
  }
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <Choice
        label={t('channel.kind')}
        value={filter.channel ?? ''}
        options={channels.map((name) => [name, name])}
        onChange={(value) => set('channel', value)}
      />
      <Choice
        label={t('consumer.kind')}
        value={filter.consumer ?? ''}
        options={handles.map(({ consumer }) => [consumer, consumer])}
        onChange={(value) => set('consumer', value)}
      />
      <Choice
        label={t('letter.reason')}
        value={filter.reason ?? ''}
        options={REASONS.map((reason) => [reason, reasonText(reason)])}
        onChange={(value) => set('reason', value)}
      />
      <Choice
        label={t('letter.age')}
        value={ageOf(filter)}
        options={AGES.map(([name, ms]) => [`${name}=${ms}`, t(`age.${name}`, { duration: format.duration(ms) })])}
        onChange={setAge}
      />
      {Object.keys(filter).length > 0 && (
        <button type="button" class="button plain" onClick={() => onChange({})}>
          {t('filter.clear')}
        </button>
      )}
    </form>
  )
}

interface ChoiceProps {
  readonly label: string
  readonly value: string
  readonly options: readonly (readonly [value: string, text: string])[]
  readonly onChange: (value: string) => void
}

function Choice({ label, value, options, onChange }: ChoiceProps) {
  const t = useT()
  const id = useId()
  const known = value === '' || options.some(([one]) => one === value)
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">{t('filter.any')}</option>
        {!known && <option value={value}>{value}</option>}
        {options.map(([one, text]) => (
          <option key={one} value={one}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
}
