import { request } from 'node:http'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { CaptionsAnswer } from './answer.js'
import { fetchUrl } from './fetch-url.js'
import { failure, gate, listen, SOON } from './fixtures/service.js'

vi.mock('./fetch-url.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('./fetch-url.js')>()
  return { ...original, fetchUrl: vi.fn(original.fetchUrl) }
})

const TYPE = { 'Content-Type': 'application/json' }

describe('photos in JSON', () => {
  it('may be one, or several, with names or without', async () => {
    const { post } = await listen()
    const send = async (body: unknown) => {
      const response = await post(JSON.stringify(body), '/v1/captions', TYPE)
      return ((await response.json()) as CaptionsAnswer).results
    }
    const cat = { captions: [{ text: 'A cat.' }] }
    expect(await send({ image: btoa('cat') })).toMatchObject([cat])
    expect(await send({ image: { base64: btoa('cat'), file: 'c.png' } })).toMatchObject([
      { file: 'c.png', ...cat },
    ])
    expect(await send({ images: [btoa('cat'), { base64: btoa('dog') }] })).toMatchObject([
      cat,
      { captions: [{ text: 'A dog.' }] },
    ])
  })

  it('may be the data address that a browser makes of a file or a canvas, of any type of image', async () => {
    const { post } = await listen()
    const send = (base64: string) => post(JSON.stringify({ image: { base64 } }), '/v1/captions', TYPE)
    for (const type of ['image/webp', 'image/jpeg', 'image/svg+xml', 'IMAGE/X-Any.thing'])
      expect(await (await send(`data:${type};base64,${btoa('cat')}`)).json()).toMatchObject({
        results: [{ captions: [{ text: 'A cat.' }] }],
      })
    for (const other of [
      'data:image/png;base64,',
      'data:image/png,cat',
      'data:image/png;charset=x,YQ==',
      `data:text/html;base64,${btoa('cat')}`,
      `data:;base64,${btoa('cat')}`,
      `data:image/png;base64,data:image/png;base64,${btoa('cat')}`,
    ])
      expect([other, await failure(await send(other))]).toMatchObject([
        other,
        { status: 422, message: expect.stringContaining('Expected base64 for ') },
      ])
  })

  it('come with options, which win over those of the query', async () => {
    const { post, captioner } = await listen()
    const body = JSON.stringify({ image: btoa('cat'), options: { count: 2 } })
    await post(body, '/v1/captions?count=3&beamSize=7', TYPE)
    expect(captioner.calls[0]?.options).toMatchObject({ count: 2, beamSize: 7 })
  })

  it.each([
    [
      {},
      'Expected text of at least 1 characters or an object for image but received undefined; Expected a list of 1 to 16 entries for images but received undefined',
    ],
    [{ image: 'YQ==', images: ['YQ=='] }, 'Expected image or images for the body but received "both"'],
    [
      { images: Array(17).fill('YQ==') },
      'Expected a list of 1 to 16 entries for images but received 17 values',
    ],
    [
      { image: { base64: 'YQ==', file: '' } },
      'Expected text of 1 to 255 characters for image.file but received ""',
    ],
    [{ images: [3] }, 'Expected text of at least 1 characters or an object for images.0 but received 3'],
    [{ image: { base64: 7 } }, 'Expected text of at least 1 characters for image.base64 but received 7'],
    [
      { images: [{ base64: 'YQ==', name: 'x' }] },
      'Expected one of base64, file for a name in images.0 but received "name"',
    ],
    [
      { image: { url: 'https://example.org/cat.jpg' } },
      'Expected --allow-urls (SHOWTELL_ALLOW_URLS) for a photo by its address but this service runs without',
    ],
    [
      { images: ['YQ==', ...Array(15).fill({ url: 'https://example.org/cat.jpg', file: '' })] },
      'Expected --allow-urls (SHOWTELL_ALLOW_URLS) for a photo by its address but this service runs without',
    ],
    [
      { image: 'YQ==', options: { count: 99 } },
      'Expected an integer from 1 to 10 for options.count but received 99',
    ],
  ])('says what is wrong with %j', async (body, message) => {
    const { post } = await listen()
    expect(await failure(await post(JSON.stringify(body), '/v1/captions', TYPE))).toMatchObject({
      status: 400,
      message,
    })
  })

  it('are fetched from public addresses only, each with its own error', async () => {
    const { post } = await listen({ allowUrls: true })
    const images = [
      { url: 'http://127.0.0.1:1/cat.jpg', file: 'a' },
      { url: 'file:///etc/passwd' },
      btoa('cat'),
    ]
    const response = await post(JSON.stringify({ images }), '/v1/captions', TYPE)
    expect(await response.json()).toMatchObject({
      results: [
        { file: 'a', error: { code: 'INVALID_IMAGE' } },
        { error: { code: 'INVALID_ARGUMENT' } },
        { captions: [{ text: 'A cat.' }] },
      ],
    })
  })

  it('may be as large together as a body by their address too', async () => {
    const { post } = await listen({ allowUrls: true, maxBodyBytes: 1000 })
    const fetched = async (_url: string, _where: string, { hold }: { hold: (bytes: number) => void }) => {
      hold(400)
      return Buffer.from('cat')
    }
    for (let photo = 0; photo < 3; photo++) vi.mocked(fetchUrl).mockImplementationOnce(fetched)
    const images = Array(3).fill({ url: 'http://example.org/cat.jpg' })
    const response = await post(JSON.stringify({ images }), '/v1/captions', TYPE)
    const cat = { captions: [{ text: 'A cat.' }] }
    // Of all of them; the last one by itself is not too large.
    const error = {
      code: 'IMAGE_TOO_LARGE',
      message: 'Expected at most 1000 bytes for the photos fetched but received more',
    }
    expect((await response.json()).results).toMatchObject([cat, cat, { error }])
  })

  it('are not fetched where too many wait to be', async () => {
    const { post } = await listen({ allowUrls: true, maxImages: 300, queueSize: 300 })
    const { shut, open } = gate()
    vi.mocked(fetchUrl).mockImplementation(() => shut.then(() => Buffer.from('cat')))
    onTestFinished(() => void vi.mocked(fetchUrl).mockReset())
    const send = (count: number): Promise<Response> => {
      const images = Array(count).fill({ url: 'http://example.org/cat.jpg' })
      return post(JSON.stringify({ images }), '/v1/captions', TYPE)
    }
    const many = send(300)
    await expect.poll(() => vi.mocked(fetchUrl).mock.calls.length, SOON).toBeGreaterThanOrEqual(32)
    expect(await failure(await send(1))).toMatchObject({ status: 503, code: 'OVERLOADED' })
    // Which is nothing to those that are there.
    const whole = await post(JSON.stringify({ image: btoa('dog') }), '/v1/captions', TYPE)
    expect(await whole.json()).toMatchObject({ results: [{ captions: [{ text: 'A dog.' }] }] })
    open()
    expect((await many).status).toBe(200)
    expect((await send(1)).status).toBe(200)
  })

  it('are fetched until the deadline and no longer, those that wait for others too', async () => {
    const { post } = await listen({ allowUrls: true, maxImages: 40, deadline: 500 })
    const signals: AbortSignal[] = []
    vi.mocked(fetchUrl).mockImplementation((_url, _where, { gone }) => {
      signals.push(gone)
      // More than ten listeners of one signal are warned of; fetchUrl makes its own as well.
      const own = AbortSignal.any([gone])
      return new Promise((_resolve, reject) => own.addEventListener('abort', () => reject(new Error('late'))))
    })
    onTestFinished(() => void vi.mocked(fetchUrl).mockReset())
    const images = Array(40).fill({ url: 'http://example.org/cat.jpg' })
    const first = post(JSON.stringify({ images }), '/v1/captions', TYPE)
    await expect.poll(() => signals.length, SOON).toBe(32)
    const second = post(JSON.stringify({ image: images[0] }), '/v1/captions', TYPE)
    for (const answer of await Promise.all([first, second]))
      expect(await failure(answer)).toMatchObject({ status: 504, code: 'DEADLINE' })
    expect(signals.every(({ aborted }) => aborted)).toBe(true)
  })

  it('of a client that goes away while they are fetched are not called damaged', async () => {
    const { port, get } = await listen({ allowUrls: true })
    vi.mocked(fetchUrl).mockImplementationOnce(
      (_url, _where, { gone }) =>
        new Promise((_resolve, reject) => gone.addEventListener('abort', () => reject(new Error('gone')))),
    )
    const client = request({ port, method: 'POST', path: '/v1/captions', headers: TYPE })
    client.on('error', () => {})
    client.end(JSON.stringify({ image: { url: 'http://example.org/cat.jpg' } }))
    await expect.poll(() => vi.mocked(fetchUrl).mock.calls.length, SOON).toBe(1)
    client.destroy()
    const counted = async () => (await get('/metrics')).text()
    await expect.poll(counted, SOON).toContain('showtell_errors_total{code="ABORTED"} 1')
    expect(await counted()).not.toContain('showtell_photos_total{')
  })
})
