import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import type { CaptionRequest } from '../decoder/options.js'
import type { CaptionedPhoto, Captioner, ImageInput } from '../decoder/types.js'
import { ShowtellError } from '../errors.js'
import type { CaptionsAnswer, ErrorAnswer } from './answer.js'
import { createApp } from './app.js'
import { type ServiceOptions, serviceOptionsSchema } from './config.js'

/** Says what a photo of text holds; `damaged` is no photo, and nothing is said while the gate is shut. */
class FakeCaptioner implements Captioner {
  readonly model = {
    name: 'fake',
    encoder: 'none',
    cell: 'none',
    attention: 'none',
    styles: ['coco'],
    vocabularySize: 1,
    grid: [1, 1],
    engine: 'none',
  } as const
  readonly calls: { images: string[]; options: CaptionRequest | undefined }[] = []
  gate: Promise<void> = Promise.resolve()

  async caption(
    images: readonly ImageInput[],
    options?: CaptionRequest,
  ): Promise<(CaptionedPhoto | Error)[]> {
    const texts = images.map((image) => Buffer.from(image as Uint8Array).toString())
    this.calls.push({ images: texts, options })
    await this.gate
    if (options?.style === 'none')
      throw new ShowtellError('INVALID_ARGUMENT', 'Expected one of coco for style but received "none"', {
        where: 'style',
      })
    return texts.map((text, i) => {
      if (text === 'broken') return new TypeError('secret of the house')
      if (text === 'damaged')
        return new ShowtellError('INVALID_IMAGE', `Expected a whole image in image ${i + 1}`, {
          where: `image ${i + 1}`,
        })
      const caption = { text: `A ${text}.`, words: ['a', text], logProb: -2, score: -1, confidence: 0.5 }
      return { captions: [caption], timing: { decode: 1, encode: 2, search: 3 } }
    })
  }

  async close(): Promise<void> {}
}

const ended: (() => void)[] = []
afterEach(() => {
  for (const end of ended.splice(0)) end()
})

async function listen(options: Partial<ServiceOptions> = {}) {
  const captioner = new FakeCaptioner()
  const log: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      log.push(String(chunk))
      done()
    },
  })
  const app = createApp({ captioner, options: serviceOptionsSchema.parse(options), logger: pino(stream) })
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  ended.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const port = (server.address() as AddressInfo).port
  const url = `http://127.0.0.1:${port}`
  return {
    captioner,
    log,
    port,
    get: (path: string, init?: RequestInit) => fetch(url + path, init),
    /** Photos in the queue. */
    async waiting(): Promise<number> {
      const text = await (await fetch(`${url}/metrics`)).text()
      return Number(/^showtell_queue_photos (\d+)$/m.exec(text)?.[1])
    },
    post: (body: BodyInit, path = '/v1/captions', headers: Record<string, string> = {}) =>
      fetch(url + path, { method: 'POST', body, headers }),
  }
}

function form(photos: Record<string, string>, fields: Record<string, string> = {}): FormData {
  const data = new FormData()
  for (const [file, text] of Object.entries(photos)) data.append('image', new Blob([text]), file)
  for (const [name, value] of Object.entries(fields)) data.append(name, value)
  return data
}

async function failure(response: Response): Promise<ErrorAnswer['error'] & { status: number }> {
  return { status: response.status, ...((await response.json()) as ErrorAnswer).error }
}

/** A promise and what fulfils it. */
function gate(): { shut: Promise<void>; open: () => void } {
  let open = (): void => {}
  const shut = new Promise<void>((resolve) => {
    open = resolve
  })
  return { shut, open }
}

describe('POST /v1/captions', () => {
  it('captions several parts, the damaged one with its own error', async () => {
    const { post, captioner } = await listen()
    const response = await post(form({ 'a.jpg': 'cat', 'b.jpg': 'damaged', 'c.jpg': 'dog' }, { count: '2' }))
    expect(response.status).toBe(200)
    const answer = (await response.json()) as CaptionsAnswer
    expect(answer).toMatchObject({
      model: 'fake',
      requestId: response.headers.get('x-request-id'),
      results: [
        { file: 'a.jpg', captions: [{ text: 'A cat.', confidence: 0.5, words: ['a', 'cat'] }] },
        { file: 'b.jpg', error: { code: 'INVALID_IMAGE', message: 'Expected a whole image in b.jpg' } },
        { file: 'c.jpg', captions: [{ text: 'A dog.' }], timing: { decode: 1, encode: 2, search: 3 } },
      ],
    })
    expect(captioner.calls).toEqual([
      { images: ['cat', 'damaged', 'dog'], options: expect.objectContaining({ count: 2, beamSize: 3 }) },
    ])
  })

  it('captions a raw image with options of the query', async () => {
    const { post, captioner } = await listen()
    const path = '/v1/captions?attention=true&bannedWords=dog,%20cow&style=coco&topP=0.5'
    const response = await post(Buffer.from('cat'), path, { 'Content-Type': 'image/jpeg' })
    expect(await response.json()).toMatchObject({ results: [{ captions: [{ text: 'A cat.' }] }] })
    expect(captioner.calls[0]?.options).toMatchObject({
      attention: true,
      bannedWords: ['dog', 'cow'],
      style: 'coco',
      topP: 0.5,
    })
  })

  it('captions base64 of JSON', async () => {
    const { post, captioner } = await listen()
    const images = [
      { base64: btoa('cat'), file: 'cat.png' },
      { base64: btoa('horse') },
      { base64: 'no base64!', file: 'bad' },
    ]
    const body = JSON.stringify({ images, options: { minLength: 5 } })
    const response = await post(body, '/v1/captions', { 'Content-Type': 'application/json' })
    expect(await response.json()).toMatchObject({
      results: [
        { file: 'cat.png', captions: [{ text: 'A cat.' }] },
        { captions: [{ text: 'A horse.' }] },
        { file: 'bad', error: { code: 'INVALID_IMAGE' } },
      ],
    })
    expect(captioner.calls[0]?.options).toMatchObject({ minLength: 5 })
  })

  it('fails as a whole where the only image is bad', async () => {
    const { post } = await listen()
    expect(await failure(await post(form({ 'b.jpg': 'damaged' })))).toEqual({
      status: 422,
      code: 'INVALID_IMAGE',
      message: 'Expected a whole image in b.jpg',
      where: 'b.jpg',
      requestId: expect.stringMatching(/^[\w-]{36}$/),
    })
  })

  it('names an option that is out of range, and one that does not exist', async () => {
    const { post, captioner } = await listen()
    expect(await failure(await post(form({ 'a.jpg': 'cat' }, { beamSize: '0' })))).toMatchObject({
      status: 400,
      code: 'INVALID_ARGUMENT',
      message: 'Expected an integer from 1 to 20 for beamSize but received 0',
      where: 'beamSize',
    })
    expect((await failure(await post(form({ 'a.jpg': 'cat' }, { beams: '3' })))).message).toContain('"beams"')
    expect((await failure(await post(form({ 'a.jpg': 'cat' }, { seed: 'x' })))).message).toContain('"x"')
    expect(captioner.calls).toEqual([])
    expect(await failure(await post(form({ 'a.jpg': 'cat' }, { style: 'none' })))).toMatchObject({
      status: 400,
      where: 'style',
    })
  })

  it.each<[string, BodyInit, Record<string, string>, number]>([
    ['an empty body', '', { 'Content-Type': 'image/png' }, 400],
    ['a form without files', form({}, { count: '1' }), {}, 400],
    ['text in place of a file', form({}, { image: 'cat' }), {}, 400],
    ['a form without boundary', 'x', { 'Content-Type': 'multipart/form-data' }, 400],
    [
      'a form that ends too early',
      '--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nca',
      { 'Content-Type': 'multipart/form-data; boundary=b' },
      400,
    ],
    ['broken JSON', '{"images":[', { 'Content-Type': 'application/json' }, 400],
    ['JSON of another shape', '{"image":"x"}', { 'Content-Type': 'application/json' }, 400],
    ['another type of body', 'cat', { 'Content-Type': 'text/plain' }, 415],
  ])('refuses %s', async (_what, body, headers, status) => {
    const { post } = await listen()
    const answer = await failure(await post(body, '/v1/captions', headers))
    expect(answer).toMatchObject({ status, code: expect.any(String), requestId: expect.any(String) })
    expect(answer.message).not.toBe('')
  })

  it('refuses parts of another name', async () => {
    const { post } = await listen()
    const data = new FormData()
    data.append('photo', new Blob(['cat']), 'a.jpg')
    expect((await failure(await post(data))).message).toBe(
      'Expected image for the name of a file part but received "photo"',
    )
  })

  it('keeps photos, requests and their number within the limits', async () => {
    const { post } = await listen({ maxImageBytes: 10, maxBodyBytes: 3000, maxImages: 2 })
    const large = 'x'.repeat(11)
    const mixed = await post(form({ 'a.jpg': 'cat', 'b.jpg': large }))
    expect(await mixed.json()).toMatchObject({
      results: [{ captions: [{}] }, { file: 'b.jpg', error: { code: 'IMAGE_TOO_LARGE' } }],
    })
    expect((await failure(await post(form({ 'b.jpg': large })))).status).toBe(413)
    expect((await failure(await post(large, undefined, { 'Content-Type': 'image/png' }))).status).toBe(413)
    expect(
      (await failure(await post('x'.repeat(3001), undefined, { 'Content-Type': 'image/png' }))).message,
    ).toBe('Expected at most 3000 bytes for the body but received 3001')
    const many = form({ 'a.jpg': 'cat', 'b.jpg': 'cat', 'c.jpg': 'cat' })
    expect((await failure(await post(many))).message).toContain('at most 2')
  })

  it('refuses with Retry-After while the queue is full, and goes on after', async () => {
    const { post, waiting, captioner } = await listen({
      queueSize: 2,
      maxImages: 2,
      batchSize: 1,
      batchDelay: 0,
    })
    const { shut, open } = gate()
    captioner.gate = shut
    const raw = { 'Content-Type': 'image/png' }
    // Two under way, two waiting.
    const taken = ['one', 'two', 'three', 'four'].map((text) => post(text, undefined, raw))
    await expect.poll(waiting).toBe(2)
    const refused = await post('five', undefined, raw)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await failure(refused)).toMatchObject({ status: 503, code: 'OVERLOADED' })
    open()
    expect((await Promise.all(taken)).map(({ status }) => status)).toEqual([200, 200, 200, 200])
  })

  it('answers 504 when the deadline is over', async () => {
    const { post, captioner } = await listen({ deadline: 20 })
    const { shut, open } = gate()
    captioner.gate = shut
    expect(await failure(await post(form({ 'a.jpg': 'cat' })))).toMatchObject({
      status: 504,
      code: 'DEADLINE',
    })
    open()
  })

  it('gives the place of a client that went away to others', async () => {
    const { post, waiting, captioner, port } = await listen({
      queueSize: 1,
      maxImages: 1,
      batchSize: 1,
      batchDelay: 0,
    })
    const { shut, open } = gate()
    captioner.gate = shut
    const raw = { 'Content-Type': 'image/png' }
    const running = ['one', 'two'].map((text) => post(text, undefined, raw))
    await expect.poll(() => captioner.calls.length).toBe(2)
    const client = httpRequest({ port, method: 'POST', path: '/v1/captions', headers: raw })
    client.on('error', () => {})
    client.end('gone')
    await expect.poll(waiting).toBe(1)
    client.destroy()
    await expect.poll(waiting).toBe(0)
    const next = post('three', undefined, raw)
    await expect.poll(waiting).toBe(1)
    open()
    const statuses = (await Promise.all([...running, next])).map(({ status }) => status)
    expect(statuses).toEqual([200, 200, 200])
    expect(captioner.calls.flatMap(({ images }) => images)).toEqual(['one', 'two', 'three'])
  })

  it('survives a client that leaves within its upload', async () => {
    const { post, port } = await listen()
    const headers = { 'Content-Type': 'multipart/form-data; boundary=b', 'Content-Length': '1000' }
    const client = httpRequest({ port, method: 'POST', path: '/v1/captions', headers })
    client.on('error', () => {})
    client.write('--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nca')
    await new Promise((resolve) => setTimeout(resolve, 20))
    client.destroy()
    expect((await post(form({ 'a.jpg': 'cat' }))).status).toBe(200)
  })

  it('tells a stranger nothing of an unexpected error, and the log everything', async () => {
    const { post, log } = await listen()
    const answer = await failure(await post(form({ 'a.jpg': 'broken' })))
    expect(answer).toMatchObject({ status: 500, code: 'INTERNAL' })
    expect(answer.message).not.toContain('secret')
    expect(log.join('')).toContain('secret of the house')
  })
})

describe('the service', () => {
  it('takes a sound request id and makes one in place of another', async () => {
    const { get } = await listen()
    const own = await get('/livez', { headers: { 'X-Request-Id': 'call-1' } })
    expect(own.headers.get('x-request-id')).toBe('call-1')
    const bad = await get('/nothing', { headers: { 'X-Request-Id': 'a b<script>' } })
    expect(bad.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/)
  })

  it('answers unknown paths and methods in JSON', async () => {
    const { get } = await listen()
    expect(await failure(await get('/nothing'))).toMatchObject({
      status: 404,
      code: 'NOT_FOUND',
      where: '/nothing',
    })
    const wrong = await get('/v1/captions')
    expect(wrong.headers.get('allow')).toBe('POST')
    expect(await failure(wrong)).toMatchObject({ status: 405 })
  })

  it('describes the model and its health', async () => {
    const { get, captioner } = await listen()
    expect(await (await get('/v1/model')).json()).toEqual(captioner.model)
    expect((await get('/livez')).status).toBe(200)
    expect((await get('/readyz')).status).toBe(200)
  })

  it('counts requests, photos, batches and errors', async () => {
    const { get, post } = await listen()
    await post(form({ 'a.jpg': 'cat', 'b.jpg': 'damaged' }))
    await post(form({ 'a.jpg': 'cat' }, { count: '0' }))
    await get('/nothing')
    const text = await (await get('/metrics')).text()
    expect(text).toContain('showtell_photos_total{outcome="captioned"} 1')
    expect(text).toContain('showtell_photos_total{outcome="INVALID_IMAGE"} 1')
    expect(text).toContain('showtell_errors_total{code="INVALID_ARGUMENT"} 1')
    expect(text).toContain('showtell_batch_photos_count 1')
    expect(text).toContain('showtell_queue_photos 0')
    expect(text).toMatch(/showtell_request_seconds_count\{.*route="\/v1\/captions",status="200"\} 1/)
    expect(text).toMatch(/route="other",status="404"/)
  })

  it('lets the page load from itself only', async () => {
    const { get } = await listen()
    const page = await get('/')
    const policy = page.headers.get('content-security-policy')
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toMatch(/unsafe|https?:|\*/)
    expect(page.headers.get('x-content-type-options')).toBe('nosniff')
    expect(page.headers.get('x-powered-by')).toBeNull()
  })

  it('logs neither photos nor keys nor queries', async () => {
    const { post, log } = await listen()
    await post('photo-bytes', '/v1/captions?count=1&seed=4711', {
      'Content-Type': 'image/png',
      Authorization: 'Bearer key-of-mine',
    })
    await expect.poll(() => log.join('')).toContain('"path":"/v1/captions"')
    expect(log.join('')).not.toMatch(/photo-bytes|key-of-mine|4711/)
  })
})
