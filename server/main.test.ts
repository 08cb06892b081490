import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { pino } from 'pino'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { writeBundle } from '../decoder/bundle.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { ShowtellError } from '../errors.js'
import { ServiceProcess } from './fixtures/process.js'
import { FakeCaptioner, freePort, gate, SOON } from './fixtures/service.js'
import { readConfig, startService } from './main.js'

const logger = pino({ level: 'silent' })
const photo = { method: 'POST', body: Buffer.from('cat') }

describe('startService', () => {
  it('is ready after a first caption, and stops when its requests are answered', async () => {
    const captioner = new FakeCaptioner()
    const [first, second] = [gate(), gate()]
    captioner.gate = first.shut
    const port = await freePort()
    const starting = startService(captioner, readConfig({ port: String(port), drainDelay: '0' }, {}), logger)
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
    const service = await startService(captioner, readConfig({ port: '0', drainDelay: '1500' }, {}), logger)
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
    const { shut, open } = gate()
    captioner.gate = shut
    const begun = ask('/v1/captions', 'POST')
    await expect.poll(() => captioner.calls.length, SOON).toBe(2)
    const stopping = service.stop()
    open()
    expect(await begun).toEqual({ status: 200, connection: 'close' })
    expect(await ask('/readyz')).toEqual({ status: 503, connection: 'close' })
    await stopping
    await expect(ask('/livez')).rejects.toThrow()
    agent.destroy()
  })

  it('does not cut an answer that its client is slow to take', async () => {
    const captioner = new FakeCaptioner()
    const service = await startService(captioner, readConfig({ port: '0', drainDelay: '0' }, {}), logger)
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
    const config = readConfig({ port: '0', drainDelay: '0', downloadTimeout: '300' }, {})
    const service = await startService(captioner, config, logger)
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
    await service.stop()
  })

  it('waits for nobody who went away before the answer', async () => {
    const captioner = new FakeCaptioner()
    const service = await startService(
      captioner,
      readConfig({ port: '0', drainDelay: '0', downloadTimeout: '54321' }, {}),
      logger,
    )
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
    await wait(300)
    open()
    await service.stop()
    expect(timers.mock.calls.map(([, time]) => time)).not.toContain(54321)
  })

  it('is not ready while the model is not there', async () => {
    const captioner = new FakeCaptioner()
    const service = await startService(captioner, readConfig({ port: '0', drainDelay: '0' }, {}), logger)
    const status = async () => (await fetch(`${service.url}/readyz`)).status
    expect(await status()).toBe(200)
    captioner.isOpen = false
    expect(await status()).toBe(503)
    await service.stop()
  })

  it('ends what takes longer than the drain timeout', async () => {
    const captioner = new FakeCaptioner()
    const service = await startService(
      captioner,
      readConfig({ port: '0', drainDelay: '0', drainTimeout: '30' }, {}),
      logger,
    )
    captioner.gate = gate().shut
    const failed = expect(fetch(`${service.url}/v1/captions`, photo)).rejects.toThrow()
    await expect.poll(() => captioner.calls.length, SOON).toBe(2)
    await service.stop()
    await failed
  })

  it('does not start when the first caption fails', async () => {
    const captioner = new FakeCaptioner()
    captioner.gate = Promise.reject(new ShowtellError('INTERNAL', 'no weights'))
    await expect(startService(captioner, readConfig({ port: '0' }, {}), logger)).rejects.toThrow('no weights')
  })
})

describe('serve', () => {
  it.each([
    ['SIGTERM', 'SIGINT'],
    ['SIGINT', 'SIGTERM'],
    ['SIGTERM', 'SIGTERM'],
  ] as const)('drains after %s and ends at once after %s', { timeout: 120_000 }, async (first, second) => {
    const folder = await mkdtemp(join(tmpdir(), 'signals-'))
    const bundle = join(folder, 'bundle')
    await writeBundle(bundle, tinyContent())
    const { process: child, url } = await ServiceProcess.fromSources([
      ...['--bundle', bundle, '--engine', 'onnx', '--threads', '1', '--drain-delay', '3600000'],
    ])
    const ended = once(child, 'exit')
    onTestFinished(async () => {
      child.kill('SIGKILL')
      await rm(folder, { recursive: true })
    })
    const ready = async () => (await fetch(`${url}/readyz`)).status
    expect(await ready()).toBe(200)
    child.kill(first)
    await expect.poll(ready, SOON).toBe(503)
    child.kill(second)
    expect(await ended).toEqual([null, second])
  })
})

describe('readConfig', () => {
  it('takes flags before the environment before the defaults', () => {
    const environment = { SHOWTELL_PORT: '4000', SHOWTELL_MAX_IMAGES: '3', PORT: '5000' }
    expect(readConfig({ maxImages: '2' }, environment)).toMatchObject({
      host: '127.0.0.1',
      port: 4000,
      maxImages: 2,
      queueSize: 128,
    })
    expect(readConfig({}, { PORT: '5000' }).port).toBe(5000)
    expect(readConfig({}, { SHOWTELL_HOST: '' }).host).toBe('127.0.0.1')
  })

  it('names everything that is wrong', () => {
    expect(() => readConfig({ port: '99999', threads: 'two' }, { SHOWTELL_ENGINE: 'gpu' })).toThrow(
      /^Expected an integer from 0 to 65535 for port but received 99999; Expected one of auto, onnx.* for engine but received "gpu"; Expected an integer from 1 to 64 for threads but received "two"$/,
    )
    expect(() => readConfig({ queueSize: '4', port: 'x' }, {})).toThrow(
      /^Expected an integer from 0 to 65535 for port .*; Expected at least maxImages for queueSize/,
    )
  })

  it('refuses a time that no timer can be set to', () => {
    const names = ['uploadTimeout', 'urlTimeout', 'deadline', 'drainDelay', 'drainTimeout']
    const set = (time: string) => readConfig(Object.fromEntries(names.map((name) => [name, time])), {})
    expect(Object.values(set('2147483647')).filter((value) => value === 2147483647)).toHaveLength(5)
    for (const name of names)
      expect(() => set('2147483648')).toThrow(
        new RegExp(`Expected an integer from [01] to 2147483647 for ${name} but received 2147483648`),
      )
  })

  it('takes what a file says, unless the environment or a flag says something else', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'config-'))
    const file = join(folder, 'showtell.json')
    await writeFile(file, JSON.stringify({ port: 1, batchSize: 2, deadline: 3, allowUrls: true }))
    expect(
      readConfig(
        { port: '7', apiKeys: 'a-long-enough-key,another-long-key' },
        {
          SHOWTELL_CONFIG: file,
          SHOWTELL_BATCH_SIZE: '8',
        },
      ),
    ).toMatchObject({
      port: 7,
      batchSize: 8,
      deadline: 3,
      allowUrls: true,
      apiKeys: ['a-long-enough-key', 'another-long-key'],
    })
    expect(readConfig({ config: file, allowUrls: 'false' }, {}).allowUrls).toBe(false)
    expect(readConfig({ allowUrls: true }, {}).allowUrls).toBe(true)
    await writeFile(file, JSON.stringify({ ports: 1, threads: 'two' }))
    expect(() => readConfig({ config: file }, {})).toThrow(
      /for threads but received "two"; Expected one of host, port, .* but received "ports"$/,
    )
    await writeFile(file, '\uFEFF{"port":4}')
    expect(readConfig({ config: file }, {}).port).toBe(4)
    await writeFile(file, '[]')
    expect(() => readConfig({ config: file, port: 'x' }, {})).toThrow(
      `Expected a JSON object in ${file} but it holds something else; Expected an integer from 0 to 65535`,
    )
    await rm(folder, { recursive: true })
    expect(() => readConfig({ config: file }, {})).toThrow('no such file')
  })
})
