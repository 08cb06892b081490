/** Clients of the service, of several kinds. */
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import autocannon from 'autocannon'

export const CAPTIONS = '/v1/captions'
/** Longer than the deadline of the service, so that it has the last word, s. */
const PATIENCE = 60
/** Between two bytes of a slow body, ms. */
const DRIP = 100

/** One kind of request: what is sent, and who is told of its answers. */
export interface Kind {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: () => Buffer
  readonly onStatus?: (status: number) => void
}

/** Photos one after the other, over and over. */
export function turns(photos: readonly Buffer[]): () => Buffer {
  let turn = 0
  return () => photos[turn++ % photos.length]!
}

/** Clients that keep a connection each and ask again as soon as they are answered; each goes through the kinds. */
export async function closedLoop(
  url: string,
  kinds: readonly Kind[],
  load: { readonly connections: number; readonly duration?: number; readonly amount?: number },
): Promise<autocannon.Result> {
  const requests = kinds.map(({ path, headers, body, onStatus }) => ({
    method: 'POST' as const,
    path,
    headers: { ...headers },
    // As a body it would be copied for every connection.
    setupRequest: (made: autocannon.Request) => ({ ...made, body: body() }),
    ...(onStatus === undefined ? {} : { onResponse: onStatus }),
  }))
  return autocannon({ url, requests, timeout: PATIENCE, ...load })
}

/** What became of a request. */
export interface Outcome {
  /** When it ended, on the clock of `performance.now()`, and how long it took, ms. */
  readonly at: number
  readonly time: number
  /** Status, or the code of the network's error. */
  readonly status: number | string
  /** Code of the service's error. */
  readonly code?: string | undefined
  readonly retryAfter?: string | undefined
  /** Nothing more can be sent on this connection. */
  readonly closes: boolean
}

/** Asks for the captions of one photo. */
function ask(
  url: string,
  body: Buffer,
  agent: Agent,
  headers: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const began = performance.now()
  return new Promise((resolve) => {
    const done = (outcome: Omit<Outcome, 'at' | 'time'>): void => {
      const at = performance.now()
      resolve({ at, time: at - began, ...outcome })
    }
    const failed = ({ code }: NodeJS.ErrnoException): void => done({ status: code ?? 'broken', closes: true })
    const client = request(new URL(CAPTIONS, url), {
      method: 'POST',
      agent,
      headers: { 'Content-Type': 'image/jpeg', 'Content-Length': body.length, ...headers },
    })
    client.on('error', failed)
    client.on('response', async (response) => {
      try {
        const text = Buffer.concat(await response.toArray()).toString()
        const { error } = JSON.parse(text) as { error?: { code: string } }
        const { 'retry-after': retryAfter, connection } = response.headers
        done({ status: response.statusCode!, code: error?.code, retryAfter, closes: connection === 'close' })
      } catch (error) {
        failed(error as NodeJS.ErrnoException)
      }
    })
    client.end(body)
  })
}

/**
 * Asks so many times a second, whatever has been answered, and waits for the last answer. autocannon's own rate sends
 * all requests of a second at its begin.
 */
export async function openLoop(
  url: string,
  photo: () => Buffer,
  load: { readonly rate: number; readonly duration: number },
): Promise<Outcome[]> {
  const agent = new Agent({ keepAlive: true })
  const asked: Promise<Outcome>[] = []
  const began = performance.now()
  for (let elapsed = 0; elapsed < load.duration; elapsed = (performance.now() - began) / 1000) {
    while (asked.length < elapsed * load.rate) asked.push(ask(url, photo(), agent))
    await wait(2)
  }
  const outcomes = await Promise.all(asked)
  agent.destroy()
  return outcomes
}

/** Clients that ask again as soon as they are answered, until the service sends them away or nobody listens. */
export class Crowd {
  readonly outcomes: Outcome[] = []
  readonly #agent = new Agent({ keepAlive: true })
  readonly #clients: Promise<void>[]
  #isStopped = false

  constructor(url: string, photo: () => Buffer, clients: number, headers?: Readonly<Record<string, string>>) {
    this.#clients = Array.from({ length: clients }, async () => {
      while (!this.#isStopped) {
        const outcome = await ask(url, photo(), this.#agent, headers)
        // Nobody took this one.
        if (outcome.status === 'ECONNREFUSED') return
        this.outcomes.push(outcome)
        if (outcome.closes) return
      }
    })
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.gone()
  }

  /** When each of them has stopped by itself. */
  async gone(): Promise<void> {
    await Promise.all(this.#clients)
    this.#agent.destroy()
  }
}

/**
 * A client that sends the head of a request and then a byte every now and then.
 * @returns the status, 0 when the connection ended without one, and the time until then, ms
 */
export async function drip(url: string): Promise<{ status: number; time: number }> {
  const { hostname, port } = new URL(url)
  const began = performance.now()
  const socket = connect(Number(port), hostname)
  const head = ['Host: bench', 'Content-Type: image/jpeg', 'Content-Length: 100000']
  socket.write(`POST ${CAPTIONS} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`)
  const dripping = setInterval(() => socket.write('x'), DRIP)
  const status = await new Promise<number>((resolve) => {
    socket.once('data', (bytes) => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(String(bytes))?.[1] ?? 0)))
    socket.on('error', () => resolve(0))
    socket.once('close', () => resolve(0))
  })
  clearInterval(dripping)
  socket.destroy()
  return { status, time: performance.now() - began }
}
