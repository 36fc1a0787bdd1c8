import {
  type App,
  type Channel,
  contracts,
  defineApp,
  defineChannel,
  defineContracts,
  defineStream,
} from '@alarm-bus/contracts'
import { z } from 'zod'

/** What permissions depend on: names and subjects. With one schema for all channels a test can fill each of them. */
const schema = z.object({ text: z.string() })

const channels = contracts.channels.map(({ name, subject, description, version, maxMessageBytes }) =>
  defineChannel({ name, subject, description, version, maxMessageBytes, schema }),
)

/** The channel of the same name that takes `{ text }`. */
export function filled(channel: Channel): Channel<string, typeof schema> {
  const found = channels.find(({ name }) => name === channel.name)
  if (!found) throw new Error(`${channel.name} is no declared channel`)
  return found
}

/** The declared contracts, with channels that take `{ text }`. */
export const filledContracts = defineContracts({
  channels,
  streams: contracts.streams.map((stream) =>
    defineStream({ ...stream, channels: stream.channels.map(filled), scheduled: [] }),
  ),
})

/** The app as it declares itself, on those channels. */
export function filledApp(app: App): App {
  return defineApp({
    ...app,
    // Requests have tests of their own, with the handlers that they need; so do schedules.
    schedules: [],
    asks: [],
    answers: [],
    publishes: app.publishes.map(filled),
    handles: app.handles.map((handled) => ({ ...handled, channel: filled(handled.channel) })),
  })
}
