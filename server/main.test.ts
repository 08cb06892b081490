import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { ShowtellError } from '../errors.js'
import { FakeCaptioner, gate, SOON } from './fixtures/service.js'
import { readConfig, startService } from './main.js'

const logger = pino({ level: 'silent' })
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const photo = { method: 'POST', body: Buffer.from('cat') }

describe('startService', () => {
  it('is ready after a first caption, and stops when its requests are answered', async () => {
    const captioner = new FakeCaptioner()
    const [first, second] = [gate(), gate()]
    captioner.gate = first.shut
    const port = await freePort()
    const starting = startService(captioner, readConfig({ port: String(port) }, {}), logger)
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
    await expect(get('/livez')).rejects.toThrow()
    expect(stopped).toBe(false)
    second.open()
    expect((await open).status).toBe(200)
    await stopping
  })

  it('ends what takes longer than the drain timeout', async () => {
    const captioner = new FakeCaptioner()
    const service = await startService(captioner, readConfig({ port: '0', drainTimeout: '30' }, {}), logger)
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
    expect(() => readConfig({ queueSize: '4' }, {})).toThrow('Expected at least maxImages for queueSize')
  })
})
