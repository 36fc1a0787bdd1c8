import type { ComponentChildren } from 'preact'
import { ApiError } from '../api/client.ts'
import { useT } from '../i18n/translate.tsx'

interface Query<T> {
  readonly data: T | undefined
  readonly error: Error | null
  readonly isFetching: boolean
  readonly refetch: () => unknown
}

interface LoadedProps<T> {
  readonly query: Query<T>
  readonly children: (data: T) => ComponentChildren
}

/** What was asked for, or that it is on its way, or why it is not there and how to ask again. */
export function Loaded<T>({ query, children }: LoadedProps<T>) {
  if (query.data !== undefined) {
    return (
      <>
        {query.error && <Failure error={query.error} stale retry={query.refetch} />}
        {children(query.data)}
      </>
    )
  }
  if (query.error && !query.isFetching) return <Failure error={query.error} retry={query.refetch} />
  return <Waiting />
}

export function Waiting() {
  const t = useT()
  return (
    <div class="skeleton" role="status">
      <span class="visually-hidden">{t('loading')}</span>
      <i />
      <i />
      <i />
    </div>
  )
}

interface FailureProps {
  readonly error: Error
  /** What is shown below is older than it should be. */
  readonly stale?: boolean
  readonly retry?: () => unknown
}

export function Failure({ error, stale, retry }: FailureProps) {
  const t = useT()
  const status = error instanceof ApiError ? error.status : undefined
  const title =
    status === 0
      ? t('error.noAnswer')
      : status === 401
        ? t('error.loggedOut')
        : status === 403
          ? t('error.forbidden')
          : status === 404
            ? t('error.notFound')
            : t('error.failed')
  return (
    <div class="failure" role="alert">
      <strong>{title}</strong>
      <p>{status === 0 ? t('error.noAnswerHint') : error.message}</p>
      {stale && <p class="small">{t('error.stale')}</p>}
      {retry && (
        <button type="button" class="button compact" onClick={() => void retry()}>
          {t('retry')}
        </button>
      )}
    </div>
  )
}
