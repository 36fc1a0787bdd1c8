import type { JsonSchema } from '../../../src/api.ts'
import { useT } from '../i18n/translate.tsx'
import { Empty } from '../ui/page.tsx'
import { Table } from '../ui/table.tsx'
import { fieldsOf } from './fields.ts'

interface SchemaTableProps {
  readonly caption: string
  readonly schema: JsonSchema
  /** JSON pointers of fields whose values are hidden. */
  readonly sensitive?: readonly string[]
}

export function SchemaTable({ caption, schema, sensitive = [] }: SchemaTableProps) {
  const t = useT()
  const fields = fieldsOf(schema)
  if (fields.length === 0) return <Empty title={t('schema.noFields')} />
  return (
    <Table
      caption={caption}
      rows={fields}
      keyOf={({ pointer, type }) => `${pointer} ${type}`}
      columns={[
        {
          label: t('schema.field'),
          heads: true,
          cell: ({ name, depth, required, pointer }) => (
            <span style={{ paddingLeft: `${depth * 1.1}rem` }}>
              <code>{name}</code> {!required && <span class="chip">{t('schema.optional')}</span>}{' '}
              {sensitive.includes(pointer) && <span class="chip differs">{t('schema.sensitive')}</span>}
            </span>
          ),
        },
        { label: t('schema.type'), cell: ({ type }) => <code>{type}</code> },
        { label: t('schema.rules'), cell: ({ rules }) => (rules.length > 0 ? rules.join(' · ') : '–') },
        { label: t('schema.description'), cell: ({ description }) => description || '–' },
      ]}
    />
  )
}
