import { randomUUID } from 'node:crypto'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { shippedBundle } from '../engine/shipped.js'
import { percent } from '../metrics/report-rows.js'
import { median } from './median.js'
import { Crowd, closedLoop, drip, type Kind, type Outcome, openLoop } from './service-clients.js'
import { soakKinds } from './service-soak.js'
import { type Cores, Subject } from './service-subject.js'
import { table as tableOfTexts } from './table.js'

/** What every part is given. */
export interface Setting {
  /** The photos, one after the other. */
  readonly raw: Kind
  readonly png: () => Buffer
  /** How long a load lasts. */
  readonly seconds: number
  /** Requests of the soak. */
  readonly requests: number
  /** A folder to write into. */
  readonly scratch: string
  /** Photos a second of `showtell caption` on the same files. */
  readonly captionRate: () => Promise<number>
}

/** Each measures one thing and tells it in Markdown. */
export const PARTS = Object.freeze({ load, overload, slow, soak, kill, reload, drain })

const CONNECTIONS = [1, 8, 64]
const MOST_CONNECTIONS = 64
/** Requests in an overload, for each one that can be answered. */
const OVERLOAD = 4
const DRIPPING = 64
const UPLOAD_TIMEOUT = 3000
const KILLS = 3
const TENTHS = 10

/** Photos a second and time of answers by the number of connections, beside `showtell caption`. */
async function load({ raw, seconds, captionRate }: Setting): Promise<string> {
  const captioning = await captionRate()
  const rows: Cell[][] = []
  for (const connections of CONNECTIONS) {
    const service = await started(raw)
    const [result, cores] = await service.cores(() =>
      closedLoop(service.url, [raw], { connections, duration: seconds }),
    )
    const rate = result['2xx'] / result.duration
    const { p50, p99 } = result.latency
    const failed = result.non2xx + result.errors
    const block = await service.longestBlock()
    rows.push([
      connections,
      rate.toFixed(1),
      percent(rate / captioning),
      p50,
      p99,
      failed,
      block,
      told(cores),
    ])
    await service.stop()
  }
  const ratio = `of caption's ${captioning.toFixed(1)}`
  const head = ['connections', 'photos/s', ratio, 'p50 ms', 'p99 ms', 'failed', 'longest block ms', CORES]
  return table([head, ...rows])
}

/** Requests that come faster than they can be answered. */
async function overload({ raw, seconds, captionRate }: Setting): Promise<string> {
  const rate = OVERLOAD * (await captionRate())
  const service = await started(raw)
  const before = service.memory
  const [outcomes, cores] = await service.cores(() =>
    openLoop(service.url, raw.body, { rate, duration: seconds }),
  )
  const after = service.memory
  const refused = outcomes.filter(({ status }) => status === 503)
  const clean = refused.filter(({ code, retryAfter }) => code === 'OVERLOADED' && Number(retryAfter) > 0)
  const block = await service.longestBlock()
  await service.stop()
  return `${rate.toFixed(0)} requests/s for ${seconds} s. Of ${refused.length} refusals ${clean.length} have Retry-After and code OVERLOADED.
Longest block of the event loop: ${cell(block)} ms. ${CORES}: ${told(cores)}.

${byStatus(outcomes)}

${table([
  ['memory, MB', 'before', 'after', 'most'],
  ...(['service', 'model'] as const).map((name) => [
    name,
    megabytes(before[name].now),
    megabytes(after[name].now),
    megabytes(after[name].most),
  ]),
])}`
}

/** Clients whose bodies come byte by byte, and what becomes of the others meanwhile. */
async function slow({ raw, seconds }: Setting): Promise<string> {
  const rows: Cell[][] = []
  const dripped: Awaited<ReturnType<typeof drip>>[] = []
  for (const count of [0, DRIPPING]) {
    const service = await started(raw, ['--upload-timeout', String(UPLOAD_TIMEOUT)])
    let isOver = false
    const dripping = Array.from({ length: count }, async () => {
      while (!isOver) dripped.push(await drip(service.url))
    })
    const result = await closedLoop(service.url, [raw], { connections: 8, duration: seconds })
    isOver = true
    await Promise.all(dripping)
    await service.stop()
    const { p50, p99 } = result.latency
    const rate = (result['2xx'] / result.duration).toFixed(1)
    rows.push([count, rate, p50, p99, result.non2xx + result.errors])
  }
  const statuses = [...new Set(dripped.map(({ status }) => status))].join()
  const times = dripped.map(({ time }) => time)
  return `${table([['slow clients', 'photos/s of 8 others', 'p50 ms', 'p99 ms', 'failed'], ...rows])}

${dripped.length} slow bodies got ${statuses} after ${cell(Math.min(...times))} to ${cell(Math.max(...times))} ms; configured are ${UPLOAD_TIMEOUT} ms.`
}

/** Many requests of every kind, and what the processes hold as they go on. */
async function soak({ raw, png, requests }: Setting): Promise<string> {
  const service = await started(raw)
  const { kinds, statuses } = soakKinds(raw.body, png)
  const done = (): number => statuses().reduce((sum, { answered }) => sum + answered, 0)
  const samples: number[][][] = Array.from({ length: TENTHS }, () => [])
  let isOver = false
  const watch = async (): Promise<void> => {
    while (!isOver) {
      const metric = await service.metrics()
      const { service: own, model } = service.memory
      const tenth = Math.min(TENTHS - 1, Math.floor((TENTHS * done()) / requests))
      const heap = metric('nodejs_heap_size_used_bytes')
      const values = [own.now / 1e6, model.now / 1e6, heap / 1e6, metric('nodejs_active_handles_total')]
      samples[tenth]!.push([...values, metric('showtell_held_bytes'), metric('showtell_queue_photos')])
      await wait(500)
    }
  }
  const watching = watch()
  const result = await closedLoop(service.url, kinds, { connections: 32, amount: requests })
  isOver = true
  await watching
  const code = await service.stop()
  const tenths = samples.map(
    (found) => found[0]?.map((_, i) => median(found.map((values) => values[i]!))) ?? [],
  )
  const [SERVICE, MODEL] = [0, 1]
  /** Of columns taken together. */
  const growth = (...columns: number[]): string => {
    const sumOf = (tenth: readonly number[]) => columns.reduce((sum, i) => sum + tenth[i]!, 0)
    return percent(sumOf(tenths.at(-1)!) / sumOf(tenths[0]!) - 1)
  }
  const head = ['tenth', 'service MB', 'model MB', 'heap MB', 'handles', 'held bytes', 'queue']
  return `${table([['request', 'expected', 'answered', 'statuses'], ...statuses().map((kind) => Object.values(kind))])}

Medians of each tenth:

${table([head, ...tenths.flatMap((found, i) => (found.length > 0 ? [[i + 1, ...found]] : []))])}

From the first tenth to the last the service grew by ${growth(SERVICE)}, the model by ${growth(MODEL)}, both together by
${growth(SERVICE, MODEL)}. ${result.errors} requests had no answer. The service ended with code ${code}; an unhandled rejection would
have ended it before.`
}

/** The model's process is killed under load. */
async function kill({ raw, seconds }: Setting): Promise<string> {
  const service = await started(raw)
  const crowd = new Crowd(service.url, raw.body, MOST_CONNECTIONS)
  const rows: Cell[][] = []
  for (let i = 1; i <= KILLS; i++) {
    await wait((1000 * seconds) / 4)
    const [from, at] = [crowd.outcomes.length, performance.now()]
    process.kill(service.model, 'SIGKILL')
    await wait((1000 * seconds) / 4)
    const after = crowd.outcomes.slice(from)
    const failed = after.filter(({ status }) => status !== 200)
    // Captions that were on their way may still arrive before the others fail.
    const dead = failed.at(-1)?.at ?? at
    const first = after.find((outcome) => outcome.status === 200 && outcome.at > dead)
    const codes = [...new Set(failed.map(({ status, code }) => `${status} ${code}`))].join()
    rows.push([i, failed.length, codes, first === undefined ? 'never' : first.at - at, after.length])
  }
  await crowd.stop()
  await service.stop()
  return table([['kill -9', 'failed', 'with', 'first 200 after, ms', 'answers until the next'], ...rows])
}

/** Bundles are replaced, and a broken one is refused, under load. */
async function reload({ raw, seconds, scratch }: Setting): Promise<string> {
  const bundle = join(scratch, 'bundle')
  await cp(shippedBundle(), bundle, { recursive: true })
  const key = randomUUID()
  const headers = { ...raw.headers, 'X-API-Key': key }
  const service = await started({ ...raw, headers }, ['--bundle', bundle, '--api-keys', key])
  const crowd = new Crowd(service.url, raw.body, MOST_CONNECTIONS, headers)
  const config = join(bundle, 'config.json')
  const settings = JSON.parse(await readFile(config, 'utf8')) as object
  const bundles = { another: { terms: 'Other terms.' }, broken: { name: '' } }
  const rows: Cell[][] = []
  for (const [name, changed] of Object.entries(bundles)) {
    await writeFile(config, JSON.stringify({ ...settings, ...changed }))
    await wait((1000 * seconds) / 4)
    const [from, began] = [crowd.outcomes.length, performance.now()]
    const response = await fetch(`${service.url}/v1/models/reload`, { method: 'POST', headers })
    const { error } = (await response.json()) as { error?: { code: string } }
    const time = performance.now() - began
    await wait((1000 * seconds) / 4)
    const after = crowd.outcomes.slice(from)
    const failed = after.filter(({ status }) => status !== 200).length
    rows.push([name, `${response.status} ${error?.code ?? ''}`, time, after.length, failed])
  }
  await crowd.stop()
  await service.stop()
  return table([['bundle', 'answer', 'after, ms', 'requests meanwhile', 'of them failed'], ...rows])
}

/** The service is told to end under load. */
async function drain({ raw, seconds }: Setting): Promise<string> {
  const service = await started(raw)
  const crowd = new Crowd(service.url, raw.body, MOST_CONNECTIONS)
  await wait((1000 * seconds) / 4)
  const [from, began] = [crowd.outcomes.length, performance.now()]
  const code = await service.stop()
  const time = performance.now() - began
  await crowd.gone()
  return `${byStatus(crowd.outcomes.slice(from))}\n\nIt ended with code ${code}, ${cell(time)} ms after SIGTERM.`
}

/** A service that has captioned for a while. */
async function started(kind: Kind, flags: readonly string[] = []): Promise<Subject> {
  const service = await Subject.start(...flags)
  await closedLoop(service.url, [kind], { connections: 32, amount: 128 })
  return service
}

type Cell = string | number

const CORES = 'cores of generator, service, model'
function told({ generator, service, model }: Cores): string {
  return [generator, service, model].map((cores) => cores.toFixed(2)).join(', ')
}

function byStatus(outcomes: readonly Outcome[]): string {
  const statuses = [...new Set(outcomes.map(({ status }) => status))]
  const rows = statuses.map((status) => {
    const times = outcomes.filter((outcome) => outcome.status === status).map(({ time }) => time)
    return [status, times.length, median(times), Math.max(...times)]
  })
  return table([['status', 'requests', 'median ms', 'longest ms'], ...rows])
}

function megabytes(bytes: number): number {
  return bytes / 1e6
}

function cell(value: Cell): string {
  return typeof value === 'number' ? value.toFixed(0) : value
}

function table(rows: readonly (readonly Cell[])[]): string {
  return tableOfTexts(rows.map((cells) => cells.map(cell)))
}
