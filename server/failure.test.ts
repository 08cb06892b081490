import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { pino } from 'pino'
import { describe, expect, it, onTestFinished } from 'vitest'
import { fromPlain, toPlain } from '../errors.js'
import { asFailure } from './failure.js'
import { FakeCaptioner, failure, listen } from './fixtures/service.js'
import { readConfig, startService } from './main.js'

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
  async function connection() {
    const config = readConfig({ port: '0', drainDelay: '0', maxBodyBytes: '1000', drainTimeout: '0' }, {})
    const service = await startService(new FakeCaptioner(), config, pino({ level: 'silent' }))
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1')
    onTestFinished(async () => {
      socket.destroy()
      await service.stop()
    })
    return socket
  }

  it.each([
    ['asks for its end', 'HTTP/1.1\r\nHost: x\r\nConnection: close'],
    ['speaks HTTP/1.0', 'HTTP/1.0'],
  ])('ends once the body has come, where the client %s', async (_how, head) => {
    const socket = await connection()
    const all = text(socket)
    socket.write(`POST /v1/captions ${head}\r\nContent-Length: ${LARGE}\r\n\r\n`)
    const [first] = await once(socket, 'data')
    expect(String(first)).toMatch(/^HTTP\/1.1 413 /)
    // Nothing of it is lost, and the connection is no sooner gone.
    socket.write(Buffer.alloc(LARGE))
    expect(await all).toMatch(/"code":"IMAGE_TOO_LARGE".*\}$/s)
  })

  it('ends at once where no body comes', async () => {
    const socket = await connection()
    socket.write('POST /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(await text(socket)).toMatch(/^HTTP\/1.1 405 .*\r\nConnection: close\r\n/s)
  })

  it('stays where the client asks for nothing else', async () => {
    const socket = await connection()
    for (const body of [Buffer.alloc(LARGE), Buffer.alloc(LARGE)]) {
      socket.write(`POST /v1/captions HTTP/1.1\r\nHost: x\r\nContent-Length: ${LARGE}\r\n\r\n`)
      expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 413 /)
      socket.write(body)
    }
  })
})
