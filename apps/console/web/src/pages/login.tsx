import { useMutation, useQueryClient } from '@tanstack/preact-query'
import { useState } from 'preact/hooks'
import { ApiError, login } from '../api/client.ts'
import { useT } from '../i18n/translate.tsx'
import { Settings } from '../ui/settings.tsx'
import { Logo } from '../ui/logo.tsx'

/** The token goes to the server once, which answers with a cookie that no script can read. */
export function Login() {
  const t = useT()
  const queries = useQueryClient()
  const [token, setToken] = useState('')
  const enter = useMutation({
    mutationFn: () => login(token.trim()),
    onSuccess: (me) => queries.setQueryData(['me'], me),
  })
  const wrong =
    enter.error instanceof ApiError && enter.error.status === 401
      ? t('login.wrong')
      : (enter.error?.message ?? undefined)
  return (
    <main class="login" id="main">
      <div class="stack">
        <span class="brand">
          <Logo /> {t('app.name')}
        </span>
        <h1>{t('login.title')}</h1>
        <p class="soft">{t('login.lead')}</p>
        <form
          class="stack"
          onSubmit={(event) => {
            event.preventDefault()
            enter.mutate()
          }}
        >
          <div class="field">
            <label for="token">{t('login.token')}</label>
            <input
              id="token"
              type="password"
              autocomplete="current-password"
              required
              maxLength={1_024}
              value={token}
              aria-invalid={wrong ? true : undefined}
              aria-describedby="token-wrong"
              onInput={(event) => setToken(event.currentTarget.value)}
            />
            <span id="token-wrong" class="wrong" role="alert">
              {wrong}
            </span>
          </div>
          <button class="button main" disabled={enter.isPending}>
            {t('login.enter')}
          </button>
        </form>
        <Settings />
      </div>
    </main>
  )
}
