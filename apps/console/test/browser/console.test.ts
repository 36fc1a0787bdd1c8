import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { alarmToBot, alarmToLog, contracts } from '@alarm-bus/contracts'
import { createJetStreamPublisher, DeadLetter, defineHandler, type JetStreamPublisher } from '@alarm-bus/nats-kit'
import { waitFor } from '@alarm-bus/nats-kit/testing'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startStack, type Stack } from '../support/stack.ts'
import { findChromium } from './chromium.ts'
import { startFastEvents } from './fast-events.ts'
import { firstPageSizes } from './first-page-sizes.ts'

// One broker, one console and one browser for the file; the tests go on where the one before ended.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 400_000 })

const OPERATOR = 'ada-0123456789abcdef0123456789abcdef'
const VIEWER = 'bo-0123456789abcdef0123456789abcdef'
const TOKENS = `ada:operator:${OPERATOR},bo:viewer:${VIEWER}`
const STREAM = 'BASQUIAT_STREAM'
const CONSUMER = 'alarm-consumer_alarm-to-bot'
const HTML = '<img src=x onerror="window.hit=1"><script>window.hit=1</script><b>bold</b>'
const MAX_COMPRESSED_BYTES = 200_000
/** Only bounds a test that would hang. */
const WAIT_MS = 30_000

let stack: Stack
let url: string
let publisher: JetStreamPublisher
let browser: Browser
let operator: Page
const contexts: BrowserContext[] = []
const faults: string[] = []
const handled: string[] = []
const state = { down: true }
const isPictured = process.env['CONSOLE_SCREENSHOTS'] !== undefined

const PAGES = {
  overview: '/',
  channel: '/channels/alarm-to-bot',
  consumer: `/consumers/${STREAM}/${CONSUMER}`,
  'dead-letters': '/dead-letters',
  'dead-letter': `/dead-letters/${STREAM}/1`,
  message: '/messages?q=id-html',
  streams: '/streams',
  requests: '/requests',
  schedules: '/schedules',
  audit: '/audit',
  'not-found': '/nowhere',
} as const

beforeAll(async () => {
  const { executablePath, env } = await findChromium()
  ;[stack, browser] = await Promise.all([
    startStack(),
    chromium.launch({
      executablePath,
      env,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
    }),
  ])
  ;({ url } = await stack.console({ CONSOLE_TOKENS: TOKENS }))
  await stack.handle('alarm-consumer', [
    defineHandler(alarmToBot, ({ message }) => {
      if (state.down || message.includes('does not answer')) throw new DeadLetter('the chat answered 503')
      handled.push(message)
    }),
  ])
  await stack.handle('log-consumer', [
    defineHandler(alarmToBot, () => undefined),
    defineHandler(alarmToLog, () => undefined),
  ])
  publisher = createJetStreamPublisher(await stack.as('producer'), { contracts })
  await publisher.schedule(alarmToBot, { message: 'tomorrow' }, { delayMs: 86_400_000 }, { id: 'tomorrow-1' })
})

afterAll(async () => {
  for (const context of contexts) await context.close()
  await browser?.close()
  await stack?.[Symbol.asyncDispose]()
})

/** A page of a browser profile of its own. What the page complains of is a fault of every test. */
async function openPage(options: BrowserContextOptions = {}, base = url): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1_280, height: 860 }, baseURL: base, ...options })
  contexts.push(context)
  context.setDefaultTimeout(WAIT_MS)
  const page = await context.newPage()
  page.on('pageerror', (error) => faults.push(error.stack ?? error.message))
  page.on('console', (message) => {
    if (/Content Security Policy|Refused to/.test(message.text())) faults.push(message.text())
  })
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(base).origin) faults.push(`third party: ${request.url()}`)
  })
  return page
}

async function logIn(page: Page, token: string): Promise<void> {
  await page.goto('/')
  await page.getByLabel('Token').fill(token)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
}

test('the first page is small, and nothing of it is inline', async () => {
  const { files, compressedBytes, html } = firstPageSizes()
  console.log(`first page, gzip: ${compressedBytes} bytes (${files.join(', ')})`)
  expect(compressedBytes).toBeLessThan(MAX_COMPRESSED_BYTES)
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/)
})

test('a wrong token is said to be wrong; the right one opens the overview, and the first paint is quick', async () => {
  operator = await openPage()
  await operator.goto('/')
  await operator.getByLabel('Token').fill('wrong')
  await operator.getByRole('button', { name: 'Log in' }).click()
  await operator.getByText('This token is not valid.').waitFor()
  await logIn(operator, OPERATOR)
  const paint = await operator.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime)
  console.log(`first contentful paint, no cache: ${Math.round(paint ?? Number.NaN)} ms`)
  expect(paint).toBeGreaterThan(0)
})

test('live numbers move while messages flow, without a reload', async () => {
  await operator.goto('/')
  await operator.locator('.map').waitFor()
  let isFlowing = true
  const flow = (async () => {
    while (isFlowing) await publisher.publish(alarmToLog, { message: 'flow' })
  })()
  try {
    await operator.evaluate(async (deadlineMs) => {
      const textOf = (name: string) =>
        [...document.querySelectorAll('.figures > div')].find((figure) => figure.textContent?.includes(name))
          ?.textContent
      const channel = [...document.querySelectorAll('.node.channel')].find((node) =>
        node.textContent?.includes('to-log'),
      )
      const seen = [new Set<unknown>(), new Set<unknown>(), new Set<unknown>()] as const
      const endsAt = performance.now() + deadlineMs
      while (seen.some(({ size }) => size < 4)) {
        if (performance.now() > endsAt)
          throw new Error(`figures stand still: ${seen.map((one) => [...one].join(', ')).join('; ')}`)
        await new Promise(requestAnimationFrame)
        seen[0].add(textOf('Published'))
        seen[1].add(textOf('Handled'))
        seen[2].add(channel?.textContent)
      }
    }, WAIT_MS)
  } finally {
    isFlowing = false
    await flow
  }
})

test('fifty changes a second are shown frame by frame', async () => {
  await using fast = await startFastEvents(url)
  const page = await openPage({}, fast.url)
  await page.goto('/favicon.svg')
  const idle = await watchFrames(page)
  await logIn(page, OPERATOR)
  await page.locator('.map').waitFor()
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Performance.enable')
  const busySeconds = async (): Promise<number> =>
    (await cdp.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN
  const [before, busyBefore] = [fast.sent(), await busySeconds()]
  const seen = await watchFrames(page)
  const changes = fast.sent() - before
  const busyMs = ((await busySeconds()) - busyBefore) * 1_000
  console.log(
    `50 changes/s for 2 s: ${changes} sent, ${seen.texts} shown in ${seen.frames} frames, ${seen.late} late ` +
      `(${idle.late} of ${idle.frames} on a page where nothing moves), ` +
      `${seen.longTasks} long tasks; the page works ${(busyMs / seen.frames).toFixed(1)} ms of each frame`,
  )
  // How fast it is, is the machine's.
  expect(seen.texts).toBeGreaterThan(10)
  await page.close()
})

/** For two seconds. A frame is late where another would have fitted before it. */
function watchFrames(page: Page) {
  return page.evaluate(async () => {
    const texts = new Set<string>()
    let [frames, late, longTasks] = [0, 0, 0]
    const observer = new PerformanceObserver((list) => void (longTasks += list.getEntries().length))
    observer.observe({ entryTypes: ['longtask'] })
    const label = document.querySelector('.node.channel .small')
    const begins = await new Promise<number>((resolve) => requestAnimationFrame(resolve))
    for (let last = begins; last < begins + 2_000;) {
      const now = await new Promise<number>((resolve) => requestAnimationFrame(resolve))
      frames += 1
      if (now - last > 25) late += 1
      last = now
      texts.add(label?.textContent ?? '')
    }
    observer.disconnect()
    return { frames, late, longTasks, texts: texts.size }
  })
}

test('a dead letter is found, its HTML stays text, it is tried dry, redriven to the consumer that failed, and handled', async () => {
  await publisher.publish(alarmToBot, { message: HTML }, { id: 'id-html', headers: { 'Request-Id': 'req-html' } })
  const producer = await stack.as('producer')
  await producer.client.request('alarm.to.bot', `<script>window.hit=1</script>`)
  await operator.getByRole('link', { name: 'Read, redrive or discard' }).first().waitFor()
  await operator
    .locator('nav')
    .getByRole('link', { name: /Dead letters/ })
    .click()
  await operator.getByRole('heading', { name: 'Dead letters', level: 1 }).waitFor()
  await operator.getByRole('cell', { name: 'invalid message' }).first().waitFor()
  await operator.getByLabel('Consumer').selectOption(CONSUMER)
  await operator.getByLabel('Reason').selectOption('handler_gave_up')
  await waitFor(() => operator.url().includes('reason=handler_gave_up'), { what: 'the filter in the address' })
  await operator.getByRole('link', { name: '#1', exact: true }).click()

  const body = operator.locator('pre', { hasText: 'window.hit' })
  await body.waitFor()
  expect(JSON.parse(await body.innerText())).toEqual({ message: HTML })
  expect(await body.locator('*').count()).toBe(0)
  expect(await operator.evaluate(() => (globalThis as { hit?: number }).hit)).toBeUndefined()
  await operator.getByText('req-html').first().waitFor()

  await operator.getByRole('button', { name: 'Redrive…' }).click()
  const dialog = operator.getByRole('dialog')
  await dialog.getByText(`Letters that would be sent again: 1, only to ${CONSUMER}.`).waitFor()
  await dialog.getByRole('cell', { name: 'sent again' }).waitFor()
  await keepScreenshot(operator, 'redrive')
  expect(handled).toEqual([])

  state.down = false
  await dialog.getByRole('button', { name: 'Redrive 1' }).click()
  await dialog.getByRole('cell', { name: 'handled' }).waitFor()
  expect(handled).toEqual([HTML])
  await dialog.getByRole('button', { name: 'Close' }).click()

  await operator.goto('/audit')
  await operator.getByRole('cell', { name: /done/ }).first().waitFor()
  await operator.getByRole('rowheader', { name: /ada/ }).first().waitFor()
  state.down = true
})

test('discarding asks twice, and the letter is gone', async () => {
  await publisher.publish(alarmToBot, { message: 'to discard' })
  await operator.goto(`/dead-letters?consumer=${CONSUMER}&reason=handler_gave_up`)
  await operator
    .getByRole('checkbox', { name: /Select dead letter/ })
    .first()
    .check()
  await operator.getByRole('button', { name: 'Discard 1 selected…' }).click()
  const dialog = operator.getByRole('dialog')
  const confirm = dialog.getByRole('button', { name: 'Discard 1' })
  await dialog.getByText('would be removed for good: 1').waitFor()
  expect(await confirm.isDisabled()).toBe(true)
  await dialog.getByRole('checkbox').check()
  await confirm.click()
  await dialog.getByRole('cell', { name: 'discarded' }).waitFor()
  await operator.keyboard.press('Escape')
  await operator.getByText('No dead letter matches').waitFor()
})

test('a viewer sees everything and can write nothing', async () => {
  const page = await openPage()
  await logIn(page, VIEWER)
  await page.goto('/dead-letters')
  await page.getByText('Operators can redrive and discard').waitFor()
  expect(await page.getByRole('button', { name: /Redrive|Discard/ }).count()).toBe(0)
  const status = await page.evaluate(async () => {
    const me = (await (await fetch('/api/me')).json()) as { readonly csrf: string }
    const headers = { 'content-type': 'application/json', 'x-csrf-token': me.csrf }
    const body = JSON.stringify({ dryRun: false })
    return (await fetch('/api/dead-letters/redrive', { method: 'POST', headers, body })).status
  })
  expect(status).toBe(403)
  // Another tab of the same person notices that the session is over.
  const other = await page.context().newPage()
  await other.goto('/streams')
  await other.getByRole('heading', { name: 'Streams', level: 1 }).waitFor()
  await page.getByRole('button', { name: 'Log out' }).click()
  await page.getByRole('heading', { name: 'Log in' }).waitFor()
  await other.getByRole('heading', { name: 'Log in' }).waitFor()
})

test('no page has a finding of axe, in either theme, or is wider than a window of 420 pixels', async () => {
  await publisher.publish(alarmToBot, { message: HTML }, { id: 'id-html-2' })
  state.down = false
  const stopFlow = startFlow()
  const findings: string[] = []
  const cookies = await operator.context().cookies()
  const look = async (page: Page, name: string, isAnalysed: boolean): Promise<void> => {
    await page.waitForFunction(() => document.querySelector('main h1') && !document.querySelector('main .skeleton'))
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    if (beyond > 0) findings.push(`${name}: ${beyond} pixels wider than its window`)
    if (!isAnalysed) return
    // All that is looked at is one frame: no page of its own for the findings is needed.
    const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze()
    findings.push(...violations.map(({ id, impact, nodes }) => `${name}: ${impact} ${id} at ${nodes[0]?.html}`))
  }
  const everything = Object.keys(PAGES) as (keyof typeof PAGES)[]
  const narrow = { width: 420, height: 900 }
  const views: readonly (readonly [
    string,
    BrowserContextOptions,
    pages: typeof everything,
    analysed: typeof everything,
  ])[] = [
    ['light', { colorScheme: 'light' }, everything, everything],
    ['dark', { colorScheme: 'dark' }, ['overview', 'consumer', 'dead-letter'], ['overview', 'dead-letter']],
    ['narrow', { colorScheme: 'light', viewport: narrow }, everything, ['dead-letters']],
    ['narrow-ko', { colorScheme: 'dark', viewport: narrow, locale: 'ko-KR' }, ['overview', 'streams'], ['overview']],
  ]
  for (const [view, options, pages, analysed] of views) {
    const page = await openPage(options)
    await page.goto('/')
    await look(page, `login ${view}`, view === 'light')
    await keepScreenshot(page, `login-${view}`)
    await page.context().addCookies(cookies)
    for (const name of pages) {
      await page.goto(name === 'dead-letter' ? await newestLetter(page) : PAGES[name])
      await look(page, `${name} ${view}`, analysed.includes(name))
      await keepScreenshot(page, `${name}-${view}`)
    }
    await page.context().close()
  }
  await stopFlow()
  expect(findings).toEqual([])
})

/** The first one is redriven by now. */
async function newestLetter(page: Page): Promise<string> {
  const letters = await page.evaluate(
    async () => (await (await fetch('/api/dead-letters')).json()) as { letters: { seq: number }[] },
  )
  return `/dead-letters/${STREAM}/${letters.letters.at(-1)?.seq ?? 0}`
}

test('the keyboard alone: skip link, menu of pages, a dialog that gives the focus back', async () => {
  await operator.goto('/')
  await operator.getByRole('heading', { name: 'Overview' }).waitFor()
  await operator.keyboard.press('Tab')
  expect(await operator.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content')
  await operator.keyboard.press('Enter')
  expect(await operator.evaluate(() => document.activeElement?.id)).toBe('main')
  await operator.locator('nav').getByRole('link', { name: 'Streams' }).focus()
  await operator.keyboard.press('Enter')
  await operator.getByRole('heading', { name: 'Streams', level: 1 }).waitFor()
  // The new page's heading has it, so that a screen reader says where one is.
  await operator.waitForFunction(() => document.activeElement?.tagName === 'H1')
  await operator.goto('/dead-letters')
  const button = operator.getByRole('button', { name: 'Redrive all shown…' })
  await button.focus()
  await operator.keyboard.press('Enter')
  await operator.getByRole('dialog').waitFor()
  await operator.keyboard.press('Escape')
  await operator.waitForFunction(() => document.activeElement?.textContent === 'Redrive all shown…')
})

test('language and theme are switched, and kept over a reload', async () => {
  await operator.goto('/')
  await operator.getByLabel('Language').selectOption('ko')
  await operator.getByRole('heading', { name: '개요' }).waitFor()
  await operator.getByLabel('테마').selectOption('dark')
  await operator.reload()
  await operator.getByRole('heading', { name: '개요' }).waitFor()
  expect(await operator.evaluate(() => document.documentElement.lang)).toBe('ko')
  expect(await operator.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(17, 20, 23)')
  await operator.getByLabel('언어').selectOption('en')
  await operator.getByLabel('Theme').selectOption('system')
})

test('the broker goes away and comes back while the page is open', async () => {
  await operator.goto('/')
  await operator.locator('.map').waitFor()
  const revive = await stack.killBroker()
  const banner = operator.locator('.banner', { hasText: 'The broker does not answer.' })
  await banner.waitFor()
  // What was known is still there, and says how old it is.
  expect(await operator.locator('.node.channel').count()).toBeGreaterThan(0)
  await keepScreenshot(operator, 'broker-away')
  await revive()
  await banner.waitFor({ state: 'detached' })
  await waitFor(
    async () => {
      await publisher.publish(alarmToLog, { message: 'back' }).catch(() => undefined)
      return /[1-9]/.test(await operator.locator('.figures > div', { hasText: 'Published' }).locator('dd').innerText())
    },
    { what: 'numbers move again', deadlineMs: WAIT_MS },
  )
})

test('nothing was refused by the policy, thrown by a page, or asked of anybody else', () => {
  expect(faults).toEqual([])
})

/** Those that the documentation shows. */
const PICTURES = [
  ...Object.keys(PAGES)
    .filter((name) => name !== 'not-found')
    .map((name) => `${name}-light`),
  ...[
    'overview-dark',
    'dead-letter-dark',
    'consumer-dark',
    'overview-narrow',
    'dead-letters-narrow',
    'overview-narrow-ko',
  ],
  ...['login-light', 'redrive', 'broker-away'],
]

/** Only where they are asked for: a run of the tests leaves the tree as it was. */
async function keepScreenshot(page: Page, name: string): Promise<void> {
  if (!isPictured || !PICTURES.includes(name)) return
  const folder = join(import.meta.dirname, '../../../../docs/images')
  mkdirSync(folder, { recursive: true })
  // Plots draw a frame later, and a second more of live figures.
  await page.waitForTimeout(1_500)
  await page.screenshot({ path: join(folder, `console-${name}.png`) })
}

/** Messages as on an ordinary day, some of which fail, for the screenshots. */
function startFlow(): () => Promise<void> {
  let isFlowing = isPictured
  let count = 0
  const flow = (async () => {
    while (isFlowing) {
      count += 1
      const message = count % 60 === 0 ? 'database primary does not answer' : `disk of web-${count % 12} is 93 % full`
      await Promise.all([publisher.publish(alarmToBot, { message }), publisher.publish(alarmToLog, { message })])
      await new Promise((resolve) => setTimeout(resolve, 40))
    }
  })()
  return () => {
    isFlowing = false
    return flow
  }
}
