import { isKey, useT } from '../i18n/translate.tsx'

/** A reason in the reader's language; one that this page does not know as it is. */
export function useReason(): (reason: string) => string {
  const t = useT()
  return (reason) => {
    const key = `reason.${reason}`
    return isKey(key) ? t(key) : reason
  }
}
