import { createContext, type ComponentChildren } from 'preact'
import { useContext, useEffect, useMemo, useState } from 'preact/hooks'
import { type Key, en } from './en.ts'
import { ko } from './ko.ts'

export type Locale = 'en' | 'ko'
type Values = Readonly<Record<string, string | number>>
export type Translate = (key: Key, values?: Values) => string

const dictionaries: Readonly<Record<Locale, Readonly<Record<Key, string>>>> = { en, ko }
const STORED_AS = 'console.locale'

/** Puts `values` where the text says `{name}`. A value that is missing stays visible. */
export function fill(text: string, values: Values = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

export function isKey(key: string): key is Key {
  return Object.hasOwn(en, key)
}

interface Language {
  readonly locale: Locale
  readonly setLocale: (locale: Locale) => void
  readonly t: Translate
}

const LanguageContext = createContext<Language | undefined>(undefined)

export function LanguageProvider({ children }: { readonly children: ComponentChildren }) {
  const [locale, setLocale] = useState(initialLocale)
  useEffect(() => {
    document.documentElement.lang = locale
    localStorage.setItem(STORED_AS, locale)
  }, [locale])
  const language = useMemo(() => {
    const t: Translate = (key, values) => fill(dictionaries[locale][key], values)
    return { locale, setLocale, t }
  }, [locale])
  return <LanguageContext.Provider value={language}>{children}</LanguageContext.Provider>
}

export function useLanguage(): Language {
  const language = useContext(LanguageContext)
  if (!language) throw new Error('useLanguage needs a LanguageProvider above it')
  return language
}

export function useT(): Translate {
  return useLanguage().t
}

function initialLocale(): Locale {
  const wanted = localStorage.getItem(STORED_AS) ?? navigator.language.slice(0, 2)
  return wanted === 'ko' ? 'ko' : 'en'
}
