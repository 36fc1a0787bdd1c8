export type Theme = 'system' | 'light' | 'dark'

const STORED_AS = 'console.theme'

export function storedTheme(): Theme {
  const stored = localStorage.getItem(STORED_AS)
  return stored === 'light' || stored === 'dark' ? stored : 'system'
}

/** `system` follows the operating system. */
export function applyTheme(theme: Theme): void {
  localStorage.setItem(STORED_AS, theme)
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
}
