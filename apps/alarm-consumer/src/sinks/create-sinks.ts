import type { ServiceLogger } from '@alarm-bus/service'
import { createSinkClient, type SinkClient } from '../http/sink-client.ts'
import type { SinkName, SinksConfig } from '../sinks-config.ts'
import type { AlarmSink } from './alarm-sink.ts'
import { createConsoleSink } from './console-sink.ts'
import { createDiscordSink } from './discord-sink.ts'
import { createSlackSink } from './slack-sink.ts'
import { createTelegramSink, telegramHint } from './telegram-sink.ts'
import { createWebhookSink } from './webhook-sink.ts'

/** The sinks that the configuration names. The caller closes them. */
export function createSinks(config: SinksConfig['sinks'], logger: ServiceLogger): readonly AlarmSink[] {
  return config.names.map((name) => createSink(name, config, logger))
}

function createSink(name: SinkName, config: SinksConfig['sinks'], logger: ServiceLogger): AlarmSink {
  const { connectTimeoutMs, totalTimeoutMs, mayBePrivate } = config
  const client = (hintOf?: (body: string) => string | undefined): SinkClient =>
    createSinkClient({ sink: name, connectTimeoutMs, totalTimeoutMs, mayBePrivate, ...(hintOf && { hintOf }) })
  switch (name) {
    case 'console':
      return createConsoleSink(logger)
    case 'slack':
      return createSlackSink(client(), given(config.slackUrl))
    case 'discord':
      return createDiscordSink(client(), given(config.discordUrl))
    case 'webhook':
      return createWebhookSink(client(), given(config.webhook))
    case 'telegram':
      return createTelegramSink(client(telegramHint), given(config.telegram))
  }
}

/** The configuration has seen to it. */
function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a sink is named without its settings')
  return value
}
