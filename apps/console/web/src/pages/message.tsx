import type { MessageDetail } from '../../../src/api.ts'
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Link, useLocation, useSearch } from 'wouter-preact'
import { query } from '../api/client.ts'
import { useMessage } from '../api/queries.ts'
import { isKey, type Translate, useT } from '../i18n/translate.tsx'
import { useFormat } from '../ui/format.ts'
import { Health } from '../ui/health.tsx'
import { prettyJson } from '../ui/json-text.ts'
import { Loaded } from '../ui/loaded.tsx'
import { Card, Empty, Page, Pairs } from '../ui/page.tsx'
import { When } from '../ui/when.tsx'

const WAYS = ['any', 'id', 'requestId', 'sequence'] as const

export function Message() {
  const t = useT()
  const search = new URLSearchParams(useSearch())
  const [, navigate] = useLocation()
  const asked = search.get('q') ?? ''
  const by = WAYS.find((way) => way === search.get('by')) ?? 'any'
  const [text, setText] = useState(asked)
  const [way, setWay] = useState<string>(by)
  useEffect(() => setText(asked), [asked])
  const submit = (event: Event) => {
    event.preventDefault()
    navigate(`/messages${query({ q: text.trim(), by: way === 'any' ? undefined : way })}`)
  }
  return (
    <Page title={t('message.title')} lead={t('message.lead')}>
      <form class="search" role="search" onSubmit={submit}>
        <div class="field">
          <label for="message-q">{t('message.search')}</label>
          <input
            id="message-q"
            type="search"
            value={text}
            maxLength={256}
            autocomplete="off"
            spellcheck={false}
            placeholder={t('message.placeholder')}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </div>
        <div class="field">
          <label for="message-by">{t('message.by')}</label>
          <select id="message-by" value={way} onChange={(event) => setWay(event.currentTarget.value)}>
            {WAYS.map((one) => (
              <option key={one} value={one}>
                {t(`by.${one}`)}
              </option>
            ))}
          </select>
        </div>
        <button class="button main">{t('message.find')}</button>
      </form>
      {asked === '' ? (
        <div class="card">
          <Empty title={t('message.start')}>{t('message.startHint')}</Empty>
        </div>
      ) : (
        <Found asked={asked} by={by} />
      )}
    </Page>
  )
}

function Found({ asked, by }: { readonly asked: string; readonly by: string }) {
  const t = useT()
  const format = useFormat()
  const found = useMessage(asked, by)
  return (
    <Loaded query={found}>
      {({ matches, searched }) => (
        <>
          {matches.length === 0 && (
            <div class="card">
              <Empty title={t('message.none')}>
                {searched === null || searched.complete
                  ? t('message.noneHint')
                  : t('message.searched', { count: format.count(searched.messages) })}
              </Empty>
            </div>
          )}
          {matches.map((match, index) => (
            <Match key={`${match.stream} ${match.seq} ${index}`} match={match} />
          ))}
        </>
      )}
    </Loaded>
  )
}

function Match({ match }: { readonly match: MessageDetail }) {
  const t = useT()
  return (
    <Card title={match.id ?? `${match.stream ?? ''}:${match.seq ?? ''}`} aside={match.channel}>
      <div class="columns">
        <ol class="steps">
          <Step done title={t('step.published')}>
            <When atMs={match.publishedAtMs} />
            {match.stream !== null && (
              <span class="soft">
                {' '}
                {match.stream}:{match.seq}
              </span>
            )}
            {match.publishedAtMs === null && match.message === undefined && t('step.gone')}
          </Step>
          {match.consumers.map(({ consumer, app, state }) => (
            <Step key={consumer} done={state === 'settled'} title={app}>
              <Link href={`/consumers/${match.stream ?? ''}/${consumer}`}>{t(`position.${state}`)}</Link>
            </Step>
          ))}
          <Step done={match.log.answer === 'known'} title={t('step.log')}>
            {match.log.answer === 'known' ? <When atMs={match.log.storedAtMs} /> : noAnswer(t, match.log)}
          </Step>
          <Step
            done={match.delivery.answer === 'known' && match.delivery.state === 'delivered'}
            title={t('step.alert')}
          >
            <Delivery delivery={match.delivery} />
          </Step>
          {match.deadLetters.map((letter) => (
            <Step key={letter.seq} failed title={t('step.dead')}>
              <Link href={`/dead-letters/${letter.stream}/${letter.seq}`}>#{letter.seq}</Link>{' '}
              <When atMs={letter.storedAtMs} /> <span class="soft">{letter.error}</span>
            </Step>
          ))}
        </ol>
        <div class="stack">
          <Pairs
            rows={[
              [
                t('channel.kind'),
                <Link key="channel" href={`/channels/${match.channel}`}>
                  {match.channel}
                </Link>,
              ],
              [t('message.id'), match.id ?? t('none')],
              [t('message.requestId'), match.requestId ?? t('none')],
            ]}
          />
          {match.message && (
            <pre class="text-of-others" tabIndex={0} aria-label={t('letter.body')}>
              {'body' in match.message ? prettyJson(match.message.body) : (match.message.text ?? t('hidden'))}
            </pre>
          )}
        </div>
      </div>
    </Card>
  )
}

interface StepProps {
  readonly title: string
  readonly done?: boolean
  readonly failed?: boolean
  readonly children: ComponentChildren
}

function Step({ title, done, failed, children }: StepProps) {
  return (
    <li>
      <Health level={failed ? 'error' : done ? 'ok' : 'unknown'} label={title} />
      <div>{children}</div>
    </li>
  )
}

function Delivery({ delivery }: { readonly delivery: MessageDetail['delivery'] }) {
  const t = useT()
  if (delivery.answer !== 'known') return <>{noAnswer(t, delivery)}</>
  return (
    <>
      <span>{t(`delivery.${delivery.state}`)}</span>
      {delivery.error && <span class="soft"> {delivery.error}</span>}
      {delivery.retryAtMs !== null && (
        <span class="soft">
          {' '}
          {t('delivery.next')} <When atMs={delivery.retryAtMs} />
        </span>
      )}
      <ul>
        {delivery.sinks.map(({ name, state, atMs, error }) => (
          <li key={name} class="small">
            {name}: {t(`sink.${state}`)} {atMs !== null && <When atMs={atMs} />} {error}
          </li>
        ))}
      </ul>
    </>
  )
}

type NoAnswer = Exclude<MessageDetail['log'], { answer: 'known' }>

function noAnswer(t: Translate, answer: NoAnswer): string {
  if (answer.answer !== 'no-answer') return t(`answer.${answer.answer}`)
  const why = `unanswered.${answer.why}`
  return isKey(why) ? t(why) : `${t('answer.no-answer')} ${answer.why}`
}
