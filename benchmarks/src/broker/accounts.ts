/** Who is in the account with the streams; everybody else is in one that imports from it. */
export const BUS_USER = { user: 'bus', password: 'bus' } as const

const SERVICES = [
  'bench.>',
  '$JS.API.INFO',
  '$JS.API.STREAM.>',
  '$JS.API.CONSUMER.CREATE.>',
  '$JS.API.CONSUMER.INFO.>',
  '$JS.API.CONSUMER.DELETE.>',
  '$JS.API.CONSUMER.NAMES.>',
  '$JS.API.CONSUMER.LIST.>',
  '$JS.API.CONSUMER.MSG.NEXT.>',
  // What the kit notes of its consumers.
  '$JS.API.DIRECT.GET.>',
  '$KV.>',
  '$JS.ACK.>',
]
/** Where push consumers deliver. */
const STREAMS = ['_INBOX_bench.>', '_INBOX_bench_raw.>']

/** An app's account beside the one with the streams, as `pnpm ops permissions` makes them, with wider subjects. */
export const ACCOUNTS_CONF = `
accounts {
  BUS {
    jetstream: enabled
    users: [{ user: ${BUS_USER.user}, password: ${BUS_USER.password} }]
    exports: [
${SERVICES.map((subject) => `      { service: "${subject}"${responses(subject)}, accounts: [APP] }`).join('\n')}
${STREAMS.map((subject) => `      { stream: "${subject}", accounts: [APP] }`).join('\n')}
    ]
  }
  APP {
    users: [{ user: app, password: app }]
    imports: [
${SERVICES.map((subject) => `      { service: { account: BUS, subject: "${subject}" } }`).join('\n')}
${STREAMS.map((subject) => `      { stream: { account: BUS, subject: "${subject}" } }`).join('\n')}
    ]
  }
}
no_auth_user: app
`

function responses(subject: string): string {
  return subject.includes('.MSG.NEXT.') ? ', response_type: stream' : ''
}
