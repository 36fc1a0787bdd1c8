import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { useT } from '../i18n/translate.tsx'

interface PageProps {
  readonly title: string
  /** What sort of thing the title names. */
  readonly kind?: string | undefined
  readonly lead?: ComponentChildren
  readonly actions?: ComponentChildren
  readonly children: ComponentChildren
}

let first = true

/** A page's frame. After a change of page the heading takes the focus, so that a screen reader says where one is. */
export function Page({ title, kind, lead, actions, children }: PageProps) {
  const t = useT()
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · ${t('app.name')}`
  }, [title, t])
  useEffect(() => {
    if (!first) heading.current?.focus({ preventScroll: true })
    if (!first) window.scrollTo(0, 0)
    first = false
  }, [])
  return (
    <>
      <header class="page-head">
        <div class="title">
          <h1 ref={heading} tabIndex={-1}>
            {kind && <span class="kind">{kind}</span>}
            {title}
          </h1>
          {actions && <div class="row">{actions}</div>}
        </div>
        {lead && <p class="lead">{lead}</p>}
      </header>
      {children}
    </>
  )
}

interface CardProps {
  readonly title: ComponentChildren
  readonly aside?: ComponentChildren
  readonly flush?: boolean
  readonly children: ComponentChildren
}

export function Card({ title, aside, flush, children }: CardProps) {
  return (
    <section class="card">
      <div class="card-head">
        <h2>{title}</h2>
        {aside && <div class="small soft">{aside}</div>}
      </div>
      <div class={flush ? undefined : 'card-body'}>{children}</div>
    </section>
  )
}

export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children && <p>{children}</p>}
    </div>
  )
}

export function Pairs({ rows }: { readonly rows: readonly (readonly [label: string, value: ComponentChildren])[] }) {
  return (
    <dl class="pairs">
      {rows.map(([label, value]) => (
        <>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </>
      ))}
    </dl>
  )
}

export function Figures({
  rows,
}: {
  readonly rows: readonly { readonly label: string; readonly value: ComponentChildren; readonly unit?: string }[]
}) {
  return (
    <dl class="figures">
      {rows.map(({ label, value, unit }) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>
            {value} {unit && <span class="unit">{unit}</span>}
          </dd>
        </div>
      ))}
    </dl>
  )
}
