import type { ConsumerState, Health as Level } from '../../../src/api.ts'
import { useT } from '../i18n/translate.tsx'

const shapes: Readonly<Record<Level, string>> = {
  ok: 'M6 1a5 5 0 1 1 0 10A5 5 0 0 1 6 1z',
  warning: 'M6 1 11.5 11H.5z',
  error: 'M1.5 1.5h9v9h-9z',
  unknown: 'M6 1a5 5 0 1 1 0 10A5 5 0 0 1 6 1zm0 1.8a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4z',
}

/** Told by shape and word, and by colour besides. */
export function Health({ level, label, bare }: { level: Level; label?: string; bare?: boolean }) {
  const t = useT()
  const text = label ?? t(`health.${level}`)
  return (
    <span class={`health ${level}`} title={bare ? text : undefined}>
      <svg viewBox="0 0 12 12" aria-hidden="true">
        <path d={shapes[level]} fill-rule="evenodd" />
      </svg>
      <span class={bare ? 'visually-hidden' : undefined}>{text}</span>
    </span>
  )
}

export function StateOf({ state, health }: { readonly state: ConsumerState; readonly health: Level }) {
  const t = useT()
  return <Health level={health} label={t(`state.${state}`)} />
}
