import type { App, Channel } from '@alarm-bus/contracts'
import type { DocumentedBus } from '../to-asyncapi.ts'
import { channelSection } from './channel-section.ts'
import { Html, html } from './html.ts'
import { requestSection, requestTable } from './request-section.ts'
import { STYLE } from './style.ts'

/** The bus as one HTML page for people, without a script and without anything from elsewhere. Channels come first. */
export function toPage(bus: DocumentedBus): string {
  const { contracts, apps, version } = bus
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Alarm bus: events</title>
        <style>
          ${STYLE_HTML}
        </style>
      </head>
      <body>
        <h1>Alarm bus: events</h1>
        <p class="faint">
          Contracts ${version}. For programs: <a href="/asyncapi.json">asyncapi.json</a>,
          <a href="/asyncapi.yaml">asyncapi.yaml</a>. Publishing over HTTP: <a href="/docs">API</a>.
        </p>
        <div class="scroll">
          <table>
            <tr>
              <th>Channel</th>
              <th>Subject</th>
              <th>Published by</th>
              <th>Handled by</th>
              <th>Owner</th>
            </tr>
            ${contracts.channels.map((channel) => row(channel, apps))}
          </table>
        </div>
        ${requestTable(contracts.requests, apps)}
        ${contracts.channels.map((channel) => channelSection(bus, channel))}${contracts.requests.map(requestSection)}
        <section>
          <h2 id="apps">Apps</h2>
          <div class="scroll">
            <table>
              <tr>
                <th>App</th>
                <th>Owner</th>
                <th>What it does</th>
              </tr>
              ${apps.map(
                ({ name, owner, description }) =>
                  html`<tr>
                    <td><code>${name}</code></td>
                    <td>${owner}</td>
                    <td>${description}</td>
                  </tr> `,
              )}
            </table>
          </div>
        </section>
      </body>
    </html> `
  return page.text
}

const STYLE_HTML = new Html(STYLE)

function row(channel: Channel, apps: readonly App[]): Html {
  const { name, subject, owner } = channel
  const publishers = apps.filter(({ publishes }) => publishes.includes(channel))
  const handlers = apps.filter(({ handles }) => handles.some((handled) => handled.channel === channel))
  return html`<tr>
    <td><a href="#${name}">${name}</a></td>
    <td><code>${subject}</code></td>
    <td>${names(publishers)}</td>
    <td>${names(handlers)}</td>
    <td>${owner ?? '–'}</td>
  </tr> `
}

function names(apps: readonly App[]): string {
  return apps.map(({ name }) => name).join(', ') || '–'
}
