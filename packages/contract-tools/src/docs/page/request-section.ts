import type { App, RequestContract, RequestPart } from '@alarm-bus/contracts'
import { describeErrors, describeTerms } from '../describe-request.ts'
import { partExamplesOf } from '../examples.ts'
import type { JsonObject } from '../json-schema.ts'
import { fieldTable } from './channel-section.ts'
import { type Html, html, prose } from './html.ts'
import { schemaRows } from './schema-rows.ts'

/** The table of all requests; nothing where there is none. */
export function requestTable(requests: readonly RequestContract[], apps: readonly App[]): Html {
  if (requests.length === 0) return html``
  return html`<h2 id="requests">Requests</h2>
    <div class="scroll">
      <table>
        <tr>
          <th>Request</th>
          <th>Subject</th>
          <th>Asked by</th>
          <th>Answered by</th>
          <th>Owner</th>
        </tr>
        ${requests.map((request) => row(request, apps))}
      </table>
    </div> `
}

/** What is asked, what is answered, and what may go wrong. */
export function requestSection(request: RequestContract): Html {
  const { name, description, subject, request: asked, response, errors } = request
  const example = partExamplesOf(name, asked)[0]
  return html`<section>
    <h2 id="${name}">${name}</h2>
    <p>${prose(description)}</p>
    <p class="faint">
      Subject <code>${subject}</code>. ${prose(describeTerms(request))} ${prose(describeErrors(request))}
    </p>
    ${part('Request', asked)} ${example === undefined ? '' : html`<pre>${JSON.stringify(example, null, 2)}</pre>`}
    ${part('Response', response)} ${Object.entries(errors).map(([code, error]) => part(`Error ${code}`, error))}
  </section> `
}

function part(title: string, { jsonSchema }: RequestPart): Html {
  return html`<h3>${title}</h3>
    ${fieldTable(schemaRows(jsonSchema as JsonObject))} `
}

function row({ name, subject, owner }: RequestContract, apps: readonly App[]): Html {
  const names = (field: 'asks' | 'answers'): string =>
    apps
      .filter((app) => app[field].some((one) => one.name === name))
      .map((app) => app.name)
      .join(', ') || '–'
  return html`<tr>
    <td><a href="#${name}">${name}</a></td>
    <td><code>${subject}</code></td>
    <td>${names('asks')}</td>
    <td>${names('answers')}</td>
    <td>${owner}</td>
  </tr> `
}
