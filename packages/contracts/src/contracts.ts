import { alarmDelivery, alarmLogged, sinkTest } from './alarm-requests.ts'
import { alarmToBot, alarmToLog } from './alarms.ts'
import { consoleAudit, consoleAuditStream } from './console-audit.ts'
import { defineContracts } from './define-contracts.ts'
import { basquiatStream } from './streams.ts'

/** The one declaration that every app uses: a channel or a request that is not here does not exist. */
export const contracts = defineContracts({
  channels: [alarmToBot, alarmToLog, consoleAudit],
  streams: [basquiatStream, consoleAuditStream],
  requests: [alarmLogged, alarmDelivery, sinkTest],
})
