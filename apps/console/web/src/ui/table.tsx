import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

export interface Column<Row> {
  readonly label: string
  /** Right-aligned, as figures are. */
  readonly number?: boolean
  /** Names the row to a screen reader. */
  readonly heads?: boolean
  readonly cell: (row: Row) => ComponentChildren
}

interface TableProps<Row> {
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string | number
  readonly chosen?: (row: Row) => boolean
}

/** A table; in a narrow room each row is a card with its labels. */
export function Table<Row>({ caption, columns, rows, keyOf, chosen }: TableProps<Row>) {
  const room = useRef<HTMLDivElement>(null)
  const [isWider, setIsWider] = useState(false)
  useLayoutEffect(() => {
    const element = room.current
    if (!element) return undefined
    const resized = new ResizeObserver(() => setIsWider(element.scrollWidth > element.clientWidth))
    resized.observe(element)
    if (element.firstElementChild) resized.observe(element.firstElementChild)
    return () => resized.disconnect()
  }, [])
  // What scrolls is reached by the keyboard; what does not is no stop on its way.
  const scrolled = isWider ? ({ role: 'region', tabIndex: 0, 'aria-label': caption } as const) : {}
  return (
    <div ref={room} class="table-room" {...scrolled}>
      <table>
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ label, number }) => (
              <th key={label} scope="col" class={number ? 'number' : undefined}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} class={chosen?.(row) ? 'chosen' : undefined}>
              {columns.map(({ label, number, heads, cell }) =>
                heads ? (
                  <th key={label} scope="row" data-label={label}>
                    <div>{cell(row)}</div>
                  </th>
                ) : (
                  <td key={label} data-label={label} class={number ? 'number' : undefined}>
                    <div>{cell(row)}</div>
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
