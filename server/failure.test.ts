import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { fromPlain, toPlain } from '../errors.js'
import { asFailure } from './failure.js'
import { FakeCaptioner, failure, gate, listen, start } from './fixtures/service.js'

vi.mock('node:timers/promises', async (load) => {
  const real = await load<typeof import('node:timers/promises')>()
  return { ...real, setTimeout: vi.fn(real.setTimeout) }
})

describe('asFailure', () => {
  it('keeps from strangers what went wrong unexpectedly in the process of the model', () => {
    const error = new TypeError('secret of the house')
    const failure = asFailure(fromPlain(toPlain(error)))
    expect(failure.code).toBe('INTERNAL')
    expect(failure.message).not.toContain('secret')
    expect((failure.cause as Error).stack).toBe(error.stack)
  })
})

describe('a request that express itself refuses', () => {
  it.each([
    [416, { Range: 'bytes=99999999-' }],
    [412, { 'If-Match': '"another"' }],
  ])('is answered with the status that it says: %i', async (status, headers) => {
    const { get } = await listen()
    expect(await failure(await get('/', { headers }))).toMatchObject({ status, code: 'INVALID_ARGUMENT' })
  })
})

describe('a connection whose request is refused', () => {
  const LARGE = 2 * 2 ** 20

  /** A connection to a service that keeps idle ones for longer than a test takes. */
  async function connection(drain = { drainDelay: '0', drainTimeout: '0' }) {
    const service = await start(new FakeCaptioner(), { maxBodyBytes: '1000', ...drain })
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1')
    let stopped: Promise<void> | undefined
    const stop = (): Promise<void> => {
      stopped ??= service.stop()
      return stopped
    }
    onTestFinished(async () => {
      socket.destroy()
      await stop()
    })
    return { socket, stop }
  }

  it.each([
    ['asks for its end', 'HTTP/1.1\r\nHost: x\r\nConnection: close'],
    ['speaks HTTP/1.0', 'HTTP/1.0'],
  ])('ends once the body has come, where the client %s', async (_how, head) => {
    const { socket } = await connection()
    const all = text(socket)
    socket.write(`POST /v1/captions ${head}\r\nContent-Length: ${LARGE}\r\n\r\n`)
    const [first] = await once(socket, 'data')
    expect(String(first)).toMatch(/^HTTP\/1.1 413 /)
    // Nothing of it is lost, and the connection is no sooner gone.
    socket.write(Buffer.alloc(LARGE))
    expect(await all).toMatch(/"code":"IMAGE_TOO_LARGE".*\}$/s)
  })

  it.each(['before', 'after'])('ends once the body has come, where it began %s the drain', async (when) => {
    const { socket, stop } = await connection({ drainDelay: '3600000', drainTimeout: '3600000' })
    // All of it comes within the delay.
    const delay = gate()
    vi.mocked(wait).mockReturnValueOnce(delay.shut)
    onTestFinished(delay.open)
    const all = text(socket)
    const begin = async (): Promise<void> => {
      const head = 'HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked'
      socket.write(`POST /v1/captions ${head}\r\n\r\n`)
      expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 100 /)
    }
    if (when === 'before') await begin()
    void stop()
    if (when === 'after') await begin()
    const size = LARGE.toString(16)
    socket.write(`${size}\r\n${'x'.repeat(2000)}`)
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 413 /)
    const rest = `${'x'.repeat(LARGE - 2000)}\r\n0\r\n\r\n`
    await new Promise<void>((resolve, reject) =>
      socket.write(rest, (error) => (error ? reject(error) : resolve())),
    )
    expect(await all).toMatch(/"code":"IMAGE_TOO_LARGE".*\}$/s)
  })

  it('ends at once where no body comes', async () => {
    const { socket } = await connection()
    socket.write('POST /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(await text(socket)).toMatch(/^HTTP\/1.1 405 .*\r\nConnection: close\r\n/s)
  })

  it('stays where the client asks for nothing else', async () => {
    const { socket } = await connection()
    for (const body of [Buffer.alloc(LARGE), Buffer.alloc(LARGE)]) {
      socket.write(`POST /v1/captions HTTP/1.1\r\nHost: x\r\nContent-Length: ${LARGE}\r\n\r\n`)
      expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 413 /)
      socket.write(body)
    }
  })
})
