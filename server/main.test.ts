import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import type { CaptionedPhoto, Captioner } from '../decoder/types.js'
import { ShowtellError } from '../errors.js'
import { readConfig, startService } from './main.js'

const logger = pino({ level: 'silent' })
const photo: CaptionedPhoto = {
  captions: [{ text: 'A cat.', words: ['a', 'cat'], logProb: -1, score: -1, confidence: 0.5 }],
  timing: { decode: 1, encode: 1, search: 1 },
}

/** Answers each call when it is told to. */
function captioner(): { captioner: Captioner; answers: ((photo: CaptionedPhoto | Error) => void)[] } {
  const answers: ((photo: CaptionedPhoto | Error) => void)[] = []
  return {
    answers,
    captioner: {
      model: {
        name: 'fake',
        encoder: 'none',
        cell: 'none',
        attention: 'none',
        styles: [],
        vocabularySize: 1,
        grid: [1, 1],
        engine: 'none',
      },
      caption: () => new Promise((resolve) => answers.push((answer) => resolve([answer]))),
      close: async () => {},
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('startService', () => {
  it('is ready after a first caption, and stops when its requests are answered', async () => {
    const { captioner: fake, answers } = captioner()
    const port = await freePort()
    const starting = startService(fake, readConfig({ port: String(port) }, {}), logger)
    const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`)
    await expect.poll(() => answers.length).toBe(1)
    expect((await get('/readyz')).status).toBe(503)
    expect((await get('/livez')).status).toBe(200)
    answers[0]!(photo)
    const service = await starting
    expect(service.url).toBe(`http://127.0.0.1:${port}`)
    expect((await get('/readyz')).status).toBe(200)

    const open = fetch(`${service.url}/v1/captions`, { method: 'POST', body: Buffer.from('x') })
    await expect.poll(() => answers.length).toBe(2)
    let stopped = false
    const stopping = service.stop().then(() => {
      stopped = true
    })
    await expect(get('/livez')).rejects.toThrow()
    expect(stopped).toBe(false)
    answers[1]!(photo)
    expect((await open).status).toBe(200)
    await stopping
  })

  it('ends what takes longer than the drain timeout', async () => {
    const { captioner: fake, answers } = captioner()
    const starting = startService(fake, readConfig({ port: '0', drainTimeout: '30' }, {}), logger)
    await expect.poll(() => answers.length).toBe(1)
    answers[0]!(photo)
    const service = await starting
    const open = fetch(`${service.url}/v1/captions`, { method: 'POST', body: Buffer.from('x') })
    const failed = expect(open).rejects.toThrow()
    await expect.poll(() => answers.length).toBe(2)
    await service.stop()
    await failed
  })

  it('does not start when the first caption fails', async () => {
    const { captioner: fake, answers } = captioner()
    const starting = startService(fake, readConfig({ port: '0' }, {}), logger)
    const failed = expect(starting).rejects.toThrow('no weights')
    await expect.poll(() => answers.length).toBe(1)
    answers[0]!(new ShowtellError('INTERNAL', 'no weights'))
    await failed
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
