import type { Channel } from '@alarm-bus/contracts'
import { describeRetention, describeVersion } from '../describe-channel.ts'
import { describeRetry } from '../describe-retry.ts'
import { examplesOf } from '../examples.ts'
import type { JsonObject } from '../json-schema.ts'
import type { DocumentedBus } from '../to-asyncapi.ts'
import { type Html, html, prose } from './html.ts'
import { type SchemaRow, schemaRows } from './schema-rows.ts'

/** Everything that a team needs of one channel: what it is, who uses it, and what its messages look like. */
export function channelSection({ contracts, apps }: DocumentedBus, channel: Channel): Html {
  const publishers = apps.filter(({ publishes }) => publishes.includes(channel))
  const users = apps.flatMap((app) => app.handles.filter((one) => one.channel === channel).map((one) => ({ app, one })))
  const example = examplesOf(channel)[0]
  return html`<section>
    <h2 id="${channel.name}">${channel.name}</h2>
    <p>${prose(channel.description)}</p>
    <p class="faint">
      Subject <code>${channel.subject}</code>. ${prose(describeVersion(channel))}
      ${prose(describeRetention(contracts, channel))}
    </p>
    <h3>Published by</h3>
    <ul>
      ${publishers.map(({ name, owner }) => html`<li><code>${name}</code> (${owner})</li>`)}${publishers.length === 0 ? html`<li>no app</li>` : ''}
    </ul>
    <h3>Handled by</h3>
    <ul>
      ${users.map(({ app, one }) => html`<li><code>${app.name}</code> (${app.owner}). ${describeRetry(one)}</li>`)}${users.length === 0 ? html`<li>no app</li>` : ''}
    </ul>
    <h3>Message</h3>
    ${fieldTable(schemaRows(channel.jsonSchema as JsonObject))}
    ${
      example === undefined
        ? ''
        : html`<h3>Example</h3>
            <pre>${JSON.stringify(example, null, 2)}</pre>`
    }
    <details>
      <summary>JSON Schema</summary>
      <pre>${JSON.stringify(channel.jsonSchema, null, 2)}</pre>
    </details>
  </section> `
}

/** A message's fields, each in a row. */
export function fieldTable(rows: readonly SchemaRow[]): Html {
  if (rows.length === 0) return html`<p>An object without fields.</p>`
  return html`<div class="scroll">
    <table>
      <tr>
        <th>Field</th>
        <th>Type</th>
        <th>Required</th>
        <th>Rules</th>
        <th>Description</th>
      </tr>
      ${rows.map(
        ({ path, type, required, rules, description }) =>
          html`<tr>
            <td><code>${path === '' ? '(the message)' : path}</code></td>
            <td>${type}</td>
            <td>${required ? 'yes' : 'no'}</td>
            <td>${rules.join(', ')}</td>
            <td>${prose(description)}</td>
          </tr> `,
      )}
    </table>
  </div>`
}
