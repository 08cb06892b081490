import { once } from 'node:events'
import { Agent, type IncomingMessage, request, Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { json, text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { writeBundle } from '../decoder/bundle.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { ShowtellError } from '../errors.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { ServiceProcess } from './fixtures/process.js'
import { FakeCaptioner, freePort, gate, keptLog, SOON, start } from './fixtures/service.js'
import { readConfig, serve } from './main.js'

vi.mock('node:timers/promises', async (load) => {
  const real = await load<typeof import('node:timers/promises')>()
  return { ...real, setTimeout: vi.fn(real.setTimeout) }
})

const photo = { method: 'POST', body: Buffer.from('cat') }

describe('startService', () => {
  it('is ready after a first caption, and stops when its requests are answered', async () => {
    const captioner = new FakeCaptioner()
    const [first, second] = [gate(), gate()]
    captioner.gate = first.shut
    const port = await freePort()
    const starting = start(captioner, { port: String(port), drainDelay: '0' })
    const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`)
    await expect.poll(() => captioner.calls.length, SOON).toBe(1)
    expect((await get('/readyz')).status).toBe(503)
    expect((await get('/livez')).status).toBe(200)
    first.open()
    const service = await starting
    expect(service.url).toBe(`http://127.0.0.1:${port}`)
    expect((await get('/readyz')).status).toBe(200)

    captioner.gate = second.shut
    const open = fetch(`${service.url}/v1/captions`, photo)
    await expect.poll(() => captioner.calls.length, SOON).toBe(2)
    let stopped = false
    const stopping = service.stop().then(() => {
      stopped = true
    })
    const asked = () =>
      get('/livez').then(
        () => 'answered',
        () => 'refused',
      )
    // A connection that was kept is answered once more.
    await expect.poll(asked, SOON).toBe('refused')
    expect(stopped).toBe(false)
    second.open()
    expect((await open).status).toBe(200)
    await stopping
  })

  it('while it drains goes on answering whoever has not heard of it, and lets them go', async () => {
    const captioner = new FakeCaptioner()
    const service = await start(captioner, { drainDelay: '3600000' })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ask = (path: string, method = 'GET') =>
      new Promise<{ status: number | undefined; connection: string | undefined }>((resolve, reject) => {
        const asked = request(`${service.url}${path}`, { agent, method }, (response) => {
          response.resume()
          response.once('end', () =>
            resolve({ status: response.statusCode, connection: response.headers.connection }),
          )
        })
        asked.once('error', reject).end(method === 'POST' ? 'cat' : undefined)
      })
    expect(await ask('/livez')).toEqual({ status: 200, connection: 'keep-alive' })
    const [answer, delay] = [gate(), gate()]
    captioner.gate = answer.shut
    const begun = ask('/v1/captions', 'POST')
    await expect.poll(() => captioner.calls.length, SOON).toBe(2)
    vi.mocked(wait).mockReturnValueOnce(delay.shut)
    const stopping = service.stop()
    expect(wait).toHaveBeenLastCalledWith(3_600_000)
    answer.open()
    expect(await begun).toEqual({ status: 200, connection: 'close' })
    expect(await ask('/readyz')).toEqual({ status: 503, connection: 'close' })
    delay.open()
    await stopping
    await expect(ask('/livez')).rejects.toThrow()
    agent.destroy()
  })

  it('does not cut an answer that its client is slow to take', async () => {
    const captioner = new FakeCaptioner()
    const service = await start(captioner, { drainDelay: '0' })
    // More than what the buffers of a connection take.
    const body = Buffer.alloc(8 * 2 ** 20, 'x')
    const asked = request(`${service.url}/v1/captions`, { method: 'POST' })
    asked.end(body)
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    response.pause()
    const stopping = service.stop()
    // Until idle connections have been looked for.
    await wait(600)
    const answer = (await json(response)) as { results: { captions: { text: string }[] }[] }
    expect(answer.results[0]!.captions[0]!.text).toHaveLength(body.length + 'A .'.length)
    await stopping
  })

  it('ends a connection whose client does not take its answer', async () => {
    const captioner = new FakeCaptioner()
    const service = await start(captioner, { drainDelay: '0', downloadTimeout: '300' })
    const asked = request(`${service.url}/v1/captions`, { method: 'POST' })
    asked.end(Buffer.alloc(8 * 2 ** 20, 'x'))
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    response.pause()
    await expect
      .poll(
        async () =>
          (await (await fetch(`${service.url}/metrics`)).text()).match(/^showtell_held_bytes (\d+)/m)?.[1],
        SOON,
      )
      .toBe('0')
    await expect(json(response)).rejects.toThrow()
    const metrics = await (await fetch(`${service.url}/metrics`)).text()
    expect(metrics).toContain('route="/v1/captions",status="499"} 1')
    await service.stop()
  })

  it('waits for nobody who only holds a connection ready', async () => {
    const service = await start(new FakeCaptioner(), { drainDelay: '0', drainTimeout: '3600000' })
    const spare = connect(Number(new URL(service.url).port), '127.0.0.1')
    await once(spare, 'connect')
    // One after the other: by this answer the service has the connection.
    await fetch(`${service.url}/livez`)
    const all = text(spare)
    await service.stop()
    // Node's own way of ending it, ten seconds later, is an answer with 408.
    expect(await all).toBe('')
  })

  it('waits for nobody who went away before the answer', async () => {
    const captioner = new FakeCaptioner()
    const { log, logger } = keptLog()
    const service = await start(captioner, { drainDelay: '0', downloadTimeout: '54321' }, logger)
    const { shut, open } = gate()
    captioner.gate = shut
    const gone = new AbortController()
    const asked = fetch(`${service.url}/v1/captions`, { ...photo, signal: gone.signal })
    await expect.poll(() => captioner.calls.length, SOON).toBe(2)
    const timers = vi.spyOn(globalThis, 'setTimeout')
    onTestFinished(() => void vi.restoreAllMocks())
    gone.abort()
    await expect(asked).rejects.toThrow()
    // Until the service has seen it.
    await expect.poll(() => log.length, SOON).toBe(1)
    open()
    await service.stop()
    expect(timers.mock.calls.map(([, time]) => time)).not.toContain(54321)
  })

  it('waits for nothing that a client which went away had sent behind another request', async () => {
    const captioner = new FakeCaptioner()
    const service = await start(captioner, { drainDelay: '0', drainTimeout: '3600000' })
    const { shut, open } = gate()
    captioner.gate = shut
    const socket = connect(Number(new URL(service.url).port))
    const head = 'POST /v1/captions HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n'
    socket.write(`${head}cat${head}dog`)
    await expect.poll(() => captioner.calls.length, SOON).toBe(2)
    socket.destroy()
    // Over a connection that is kept: the end waits for it to be found idle.
    const metrics = async () => (await fetch(`${service.url}/metrics`)).text()
    await expect.poll(metrics, SOON).toContain('showtell_errors_total{code="ABORTED"} 1')
    open()
    await service.stop()
  })

  it('is not ready while the model is not there', async () => {
    const captioner = new FakeCaptioner()
    const service = await start(captioner, { drainDelay: '0' })
    const status = async () => (await fetch(`${service.url}/readyz`)).status
    expect(await status()).toBe(200)
    captioner.isOpen = false
    expect(await status()).toBe(503)
    await service.stop()
  })

  it('ends what takes longer than the drain timeout', async () => {
    const captioner = new FakeCaptioner()
    const { log, logger } = keptLog()
    const service = await start(captioner, { drainDelay: '0', drainTimeout: '30' }, logger)
    captioner.gate = gate().shut
    const failed = expect(fetch(`${service.url}/v1/captions`, photo)).rejects.toThrow()
    await expect.poll(() => captioner.calls.length, SOON).toBe(2)
    await service.stop()
    await failed
    await expect.poll(() => log.length, SOON).toBe(2)
    expect(log.map((line) => JSON.parse(line))).toMatchObject([
      { level: 40, requests: 1, msg: 'cut at the drain timeout' },
      // Not the client's doing.
      { level: 40, res: { statusCode: 504 }, code: 'DEADLINE' },
    ])
  })

  it('logs a client that went away by its status', async () => {
    const captioner = new FakeCaptioner()
    const { log, logger } = keptLog()
    const service = await start(captioner, { drainDelay: '0' }, logger)
    const { shut, open } = gate()
    captioner.gate = shut
    const gone = new AbortController()
    const asked = expect(
      fetch(`${service.url}/v1/captions`, { ...photo, signal: gone.signal }),
    ).rejects.toThrow()
    await expect.poll(() => captioner.calls.length, SOON).toBe(2)
    gone.abort()
    await asked
    await expect.poll(() => log.length, SOON).toBe(1)
    expect(JSON.parse(log[0]!)).toMatchObject({ level: 30, res: { statusCode: 499 }, code: 'ABORTED' })
    open()
    await service.stop()
  })

  it.each([
    ['400', 'HPE_INVALID_METHOD', 'what is this\r\n\r\n'],
    ['431', 'HPE_HEADER_OVERFLOW', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(2 ** 15)}\r\n\r\n`],
  ])('logs what is no request and is answered by Node itself with %s', async (status, code, sent) => {
    const { log, logger } = keptLog()
    const service = await start(new FakeCaptioner(), { drainDelay: '0' }, logger)
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1')
    socket.write(sent)
    expect(await text(socket)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    await expect.poll(() => log.length, SOON).toBe(1)
    expect(JSON.parse(log[0]!)).toMatchObject({ remoteAddress: '127.0.0.1', code, msg: 'no request' })
    await service.stop()
  })

  it('closes a connection beyond a thousand, until one of them has gone', async () => {
    const { log, logger } = keptLog()
    const listen = vi.spyOn(Server.prototype, 'listen')
    onTestFinished(() => void vi.restoreAllMocks())
    const service = await start(new FakeCaptioner(), { drainDelay: '0', uploadTimeout: '3600000' }, logger)
    const server = listen.mock.contexts[0] as Server
    // None of them sends a head, however long it takes to open a thousand.
    server.headersTimeout = 3_600_000
    const open = async (): Promise<Socket> => {
      const socket = connect(Number(new URL(service.url).port), '127.0.0.1').on('error', () => {})
      await once(socket, 'connect')
      return socket
    }
    const sockets: Socket[] = []
    while (sockets.length < 1000) sockets.push(await open())
    expect(await text(await open())).toBe('')
    await expect.poll(() => log.length, SOON).toBe(1)
    expect(JSON.parse(log[0]!)).toMatchObject({ level: 40, connections: 1, remoteAddress: '127.0.0.1' })
    sockets.pop()!.destroy()
    const connections = () => promisify(server.getConnections.bind(server))()
    await expect.poll(connections, SOON).toBe(999)
    const metrics = await (await fetch(`${service.url}/metrics`)).text()
    expect(metrics).toMatch(/^showtell_dropped_connections_total 1$/m)
    for (const socket of sockets) socket.destroy()
    await service.stop()
  })

  it('does not start when the first caption fails', async () => {
    const captioner = new FakeCaptioner()
    captioner.gate = Promise.reject(new ShowtellError('INTERNAL', 'no weights'))
    await expect(start(captioner)).rejects.toThrow('no weights')
  })
})

describe('serve', () => {
  const bundle = temporaryFolder('serve')
  beforeAll(() => writeBundle(bundle, tinyContent()))

  it.each([
    ['SIGTERM', 'SIGINT'],
    ['SIGINT', 'SIGTERM'],
    ['SIGTERM', 'SIGTERM'],
  ] as const)('drains after %s and ends at once after %s', async (first, second) => {
    const { process: child, url } = await ServiceProcess.start(
      ['--bundle', bundle, '--engine', 'onnx', '--threads', '1', '--drain-delay', '3600000'],
      { SHOWTELL_API_KEY: 'the-key-of-somebody', SHOWTELL_API_KEYS: '' },
      'pipe',
    )
    let log = ''
    child.stdout!.on('data', (chunk) => {
      log += chunk
    })
    const ended = once(child, 'exit')
    onTestFinished(() => void child.kill('SIGKILL'))
    const ready = async () => (await fetch(`${url}/readyz`)).status
    expect(await ready()).toBe(200)
    await expect.poll(() => log, SOON).toMatch(/"level":40,.*"variables":\["SHOWTELL_API_KEY"\]/)
    expect(log).toMatch(/"level":40,.*"settings":\["SHOWTELL_API_KEYS"\]/)
    await expect.poll(() => log, SOON).toMatch(/"keys":0,"msg":"ready"/)
    expect(log).not.toContain('the-key-of-somebody')
    child.kill(first)
    await expect.poll(ready, SOON).toBe(503)
    child.kill(second)
    expect(await ended).toEqual([null, second])
  })

  it('says of a host without an address where it could not listen', async () => {
    const flags = {
      bundle,
      engine: 'onnx',
      threads: '1',
      host: 'no such host',
      port: '0',
      logLevel: 'silent',
    }
    await expect(serve(readConfig(flags, {}))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/^Expected to listen at no such host:0 but getaddrinfo /),
    })
  })
})
