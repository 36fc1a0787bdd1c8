import { useState } from 'preact/hooks'
import { type Locale, useLanguage } from '../i18n/translate.tsx'
import { applyTheme, storedTheme, type Theme } from './theme.ts'

export function Settings() {
  const { t, locale, setLocale } = useLanguage()
  const [theme, setTheme] = useState(storedTheme)
  const choose = (next: Theme) => {
    applyTheme(next)
    setTheme(next)
  }
  return (
    <div class="settings">
      <label>
        {t('settings.theme')}
        <select value={theme} onChange={(event) => choose(event.currentTarget.value as Theme)}>
          <option value="system">{t('theme.system')}</option>
          <option value="light">{t('theme.light')}</option>
          <option value="dark">{t('theme.dark')}</option>
        </select>
      </label>
      <label>
        {t('settings.language')}
        <select value={locale} onChange={(event) => setLocale(event.currentTarget.value as Locale)}>
          <option value="en" lang="en">
            English
          </option>
          <option value="ko" lang="ko">
            한국어
          </option>
        </select>
      </label>
    </div>
  )
}
