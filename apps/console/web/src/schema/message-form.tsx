import type { ChannelDetail, Published } from '../../../src/api.ts'
import { useMutation } from '@tanstack/preact-query'
import { useId, useMemo, useState } from 'preact/hooks'
import { ApiError, isRecord, post } from '../api/client.ts'
import { useT } from '../i18n/translate.tsx'
import { type Field, fieldsOf } from './fields.ts'

type Texts = Readonly<Record<string, string>>

/** A form made from the channel's schema. What has no simple field is written as JSON. */
export function MessageForm({ channel }: { readonly channel: ChannelDetail }) {
  const t = useT()
  const fields = useMemo(() => fieldsOf(channel.schema).filter(({ depth }) => depth === 0), [channel.schema])
  const [texts, setTexts] = useState<Texts>(() => startOf(fields, channel.example))
  const send = useMutation({
    mutationFn: () =>
      post<Published>(`/api/channels/${encodeURIComponent(channel.name)}/messages`, {
        message: messageOf(fields, texts),
      }),
  })
  const problem = send.error instanceof ApiError ? send.error.problem : undefined
  const wrongAt = (pointer: string) => problem?.errors?.find(({ path }) => atField(path, pointer))?.message
  const elsewhere = problem?.errors?.filter(({ path }) => !fields.some(({ pointer }) => atField(path, pointer))) ?? []
  const submit = (event: Event) => {
    event.preventDefault()
    send.mutate()
  }
  return (
    <form class="stack" onSubmit={submit} noValidate>
      {fields.map((field) => (
        <FormField
          key={field.pointer}
          field={field}
          value={texts[field.name] ?? ''}
          wrong={wrongAt(field.pointer)}
          onChange={(text) => setTexts({ ...texts, [field.name]: text })}
        />
      ))}
      <div class="row">
        <button class="button main" disabled={send.isPending}>
          {t('publish.send')}
        </button>
        <span aria-live="polite">
          {send.data && t('publish.stored', { stream: send.data.stream, seq: send.data.seq })}
        </span>
      </div>
      {send.error && (
        <div class="failure" role="alert">
          <strong>{t('publish.refused')}</strong>
          <p>{send.error.message}</p>
          {elsewhere.map(({ path, message }) => (
            <p key={path}>
              <code>{path || '/'}</code> {message}
            </p>
          ))}
        </div>
      )}
    </form>
  )
}

/** The server says where in the request the fault is: behind `/message`, where the message is one of its members. */
function atField(path: string, pointer: string): boolean {
  return path === pointer || path === `/message${pointer}` || path.startsWith(`${pointer}/`)
}

interface FormFieldProps {
  readonly field: Field
  readonly value: string
  readonly wrong: string | undefined
  readonly onChange: (text: string) => void
}

function FormField({ field, value, wrong, onChange }: FormFieldProps) {
  const t = useT()
  const id = useId()
  const hints = [field.description, ...field.rules].filter(Boolean).join(' · ')
  const options = Array.isArray(field.schema['enum']) ? field.schema['enum'].map(String) : undefined
  const shared = {
    id,
    value,
    'aria-describedby': `${id}-hint`,
    'aria-invalid': wrong ? true : undefined,
    onInput: (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value),
  }
  return (
    <div class="field">
      <label htmlFor={id}>
        {field.name} {!field.required && <span class="chip">{t('schema.optional')}</span>}
      </label>
      {options || field.type === 'boolean' ? (
        <select {...shared} onChange={shared.onInput}>
          <option value="">–</option>
          {(options ?? ['true', 'false']).map((option) => (
            <option key={option}>{option}</option>
          ))}
        </select>
      ) : isSimple(field) ? (
        field.name === 'message' ? (
          <textarea {...shared} rows={3} />
        ) : (
          <input {...shared} type="text" inputMode={field.type === 'string' ? 'text' : 'decimal'} />
        )
      ) : (
        <textarea {...shared} class="mono" rows={4} spellcheck={false} />
      )}
      <span id={`${id}-hint`} class={wrong ? 'wrong' : 'hint'}>
        {wrong ?? (isSimple(field) ? hints : [t('publish.asJson'), hints].filter(Boolean).join(' · '))}
      </span>
    </div>
  )
}

function isSimple({ type, schema }: Field): boolean {
  return Array.isArray(schema['enum']) || ['string', 'number', 'integer', 'boolean'].includes(type)
}

function startOf(fields: readonly Field[], example: unknown): Texts {
  const values = isRecord(example) ? example : {}
  return Object.fromEntries(
    fields.map((field) => {
      const value = values[field.name]
      if (value === undefined) return [field.name, '']
      return [field.name, isSimple(field) ? String(value) : JSON.stringify(value, null, 2)]
    }),
  )
}

/** Fields left empty are left out. What is no JSON goes as the text it is, and the server says what is wrong with it. */
function messageOf(fields: readonly Field[], texts: Texts): Record<string, unknown> {
  const message: Record<string, unknown> = {}
  for (const field of fields) {
    const text = texts[field.name] ?? ''
    if (text === '') continue
    message[field.name] = valueOf(field, text)
  }
  return message
}

function valueOf({ type, schema }: Field, text: string): unknown {
  if (type === 'string') return text
  if (Array.isArray(schema['enum'])) return schema['enum'].find((one) => String(one) === text)
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
