import { useState } from 'preact/hooks'
import { useT } from '../i18n/translate.tsx'

/** A command to run in a terminal, with a button that copies it. */
export function Command({ text }: { readonly text: string }) {
  const t = useT()
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    setTimeout(() => setCopied(false), 2_000)
  }
  return (
    <span class="command">
      <code>{text}</code>
      <button
        type="button"
        class="button plain compact"
        aria-label={t('copyCommand', { command: text })}
        onClick={() => void copy()}
      >
        <span aria-live="polite">{copied ? t('copied') : t('copy')}</span>
      </button>
    </span>
  )
}
