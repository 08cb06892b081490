import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { describe, expect, it, vi } from 'vitest'
import type { ShowtellError } from '../errors.js'
import { FakeCaptioner, failure, form, gate, listen, SOON } from './fixtures/service.js'

describe('POST /v1/captions', () => {
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
  })

  it('names an option that the model cannot keep, be it in the query or the body', async () => {
    const { post, captioner } = await listen({}, {}, new FakeCaptioner('v1', false))
    for (const [option, value] of Object.entries({ style: 'none', minConfidence: '0.1' }))
      for (const answer of [
        await post(form({ 'a.jpg': 'cat' }, { [option]: value })),
        await post(form({ 'a.jpg': 'cat' }), `/v1/captions?${option}=${value}`),
      ])
        expect(await failure(answer)).toMatchObject({ status: 400, where: option })
    expect(captioner.calls).toEqual([])
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
    await expect.poll(waiting, SOON).toBe(2)
    const refused = await post('five', undefined, raw)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await failure(refused)).toMatchObject({ status: 503, code: 'OVERLOADED' })
    open()
    expect((await Promise.all(taken)).map(({ status }) => status)).toEqual([200, 200, 200, 200])
  })

  it('answers 504 when the deadline is over', async () => {
    const { get, post, captioner, log } = await listen({ deadline: 20 })
    const { shut, open } = gate()
    captioner.gate = shut
    expect(await failure(await post(form({ 'a.jpg': 'cat' })))).toMatchObject({
      status: 504,
      code: 'DEADLINE',
    })
    const metrics = await (await get('/metrics')).text()
    expect(metrics).toContain('showtell_photos_total{outcome="DEADLINE"} 1')
    // It is a warning, and no error that somebody would have to look for.
    await expect.poll(() => log.length, SOON).toBe(1)
    const line = JSON.parse(log[0]!)
    expect(line).toMatchObject({ level: 40, code: 'DEADLINE' })
    expect(line).not.toHaveProperty('err')
    open()
  })

  it('gives the place of a client that went away to others', async () => {
    const { post, waiting, captioner, client } = await listen({
      queueSize: 1,
      maxImages: 1,
      batchSize: 1,
      batchDelay: 0,
    })
    const { shut, open } = gate()
    captioner.gate = shut
    const raw = { 'Content-Type': 'image/png' }
    const running: Promise<Response>[] = []
    for (const text of ['one', 'two']) {
      running.push(post(text, undefined, raw))
      await expect.poll(() => captioner.calls.length, SOON).toBe(running.length)
    }
    const leaving = client(raw)
    leaving.end('gone')
    await expect.poll(waiting, SOON).toBe(1)
    leaving.destroy()
    await expect.poll(waiting, SOON).toBe(0)
    const next = post('three', undefined, raw)
    await expect.poll(waiting, SOON).toBe(1)
    open()
    const statuses = (await Promise.all([...running, next])).map(({ status }) => status)
    expect(statuses).toEqual([200, 200, 200])
    expect(captioner.calls.flatMap(({ images }) => images)).toEqual(['one', 'two', 'three'])
  })

  it('tells a stranger nothing of an unexpected error, and the log everything', async () => {
    const { post, log, captioner } = await listen()
    const secret = new TypeError('secret of the house')
    const caption = vi.spyOn(captioner, 'caption')
    for (const fail of [
      () => caption.mockRejectedValueOnce(secret),
      // One that has no business there.
      () => caption.mockResolvedValueOnce([secret as ShowtellError, secret as ShowtellError]),
    ]) {
      fail()
      const answer = await failure(await post(form({ 'a.jpg': 'cat', 'b.jpg': 'dog' })))
      expect(answer).toMatchObject({ status: 500, code: 'INTERNAL' })
      expect(answer.message).not.toContain('secret')
      await expect.poll(() => log.length, SOON).toBe(1)
      const [line] = log.splice(0)
      expect(JSON.parse(line!)).toMatchObject({ level: 50, code: 'INTERNAL', res: { statusCode: 500 } })
      expect(line).toContain('secret of the house')
    }
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
    expect(text).toContain('showtell_stage_seconds_count{stage="upload"} 2')
    expect(text).toMatch(/^nodejs_eventloop_lag_max_seconds \d/m)
    expect(text).toMatch(/showtell_request_seconds_count\{.*route="\/v1\/captions",status="200"\} 1/)
    expect(text).toMatch(/route="other",status="404"/)
  })

  it('tells which model it serves, and what became of others', async () => {
    const reloads = { replaced: 0, failed: 0 }
    const { get, captioner } = await listen({}, { reloads })
    const counted = async () => (await get('/metrics')).text()
    const info = (version: string) =>
      `showtell_model_info{name="fake",version="${version}",engine="none"} 1\n`
    expect(await counted()).toContain(info('v1'))
    captioner.model = { ...captioner.model, version: 'v2' }
    reloads.replaced = 1
    const text = await counted()
    expect(text).toContain(info('v2'))
    expect(text).not.toContain(info('v1'))
    expect(text).toContain('showtell_reloads_total{outcome="replaced"} 1')
    expect(text).toContain('showtell_reloads_total{outcome="failed"} 0')
  })

  it.each([
    ['waits for captions', 3],
    ['sends its photo', 4],
  ])('counts and logs a client that goes away while it %s once, as ABORTED', async (_what, length) => {
    const { get, captioner, client, log } = await listen()
    const { shut, open } = gate()
    captioner.gate = shut
    const metrics = async () => (await get('/metrics')).text()
    const leaving = client({ 'Content-Type': 'image/png', 'Content-Length': length })
    leaving.write('cat')
    await expect.poll(metrics, SOON).toContain('showtell_held_bytes 3')
    if (length === 3) await expect.poll(() => captioner.calls.length, SOON).toBe(1)
    leaving.destroy()
    await expect.poll(metrics, SOON).toContain('showtell_errors_total{code="ABORTED"} 1')
    open()
    await expect.poll(metrics, SOON).toContain('showtell_held_bytes 0')
    // Its route has thrown meanwhile, too.
    const text = await metrics()
    expect(text).toContain('showtell_errors_total{code="ABORTED"} 1')
    expect(text.match(/^showtell_request_seconds_count\{.*route="\/v1\/captions".*$/gm)).toEqual([
      'showtell_request_seconds_count{method="POST",route="/v1/captions",status="499"} 1',
    ])
    const lines = log.filter((line) => line.includes('"path":"/v1/captions"'))
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ code: 'ABORTED' }])
  })

  it('counts and logs a client that goes away while it takes its answer, as ABORTED', async () => {
    const { get, client, log } = await listen()
    const asked = client()
    // More than what the buffers of a connection take.
    asked.end(Buffer.alloc(8 * 2 ** 20, 'x'))
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    response.on('error', () => {})
    response.pause()
    asked.destroy()
    const metrics = async () => (await get('/metrics')).text()
    await expect.poll(metrics, SOON).toContain('route="/v1/captions",status="499"} 1')
    expect(await metrics()).toContain('showtell_errors_total{code="ABORTED"} 1')
    expect(log.map((line) => JSON.parse(line))).toMatchObject([{ code: 'ABORTED', res: { statusCode: 499 } }])
  })

  it('counts what a guard refuses for the route that was asked for', async () => {
    const { get, post } = await listen({ apiKeys: ['the-key-of-somebody'], maxBodyBytes: 10 })
    const [unknown, large] = [{}, { 'X-API-Key': 'the-key-of-somebody' }]
    await post('cat', '/V1/captions/', unknown)
    await post('cat', '/v2/models/captioner/versions/1/infer', unknown)
    await post('x'.repeat(11), '/model/predict', large)
    await post('cat', '/v1/captions/of-a-stranger', unknown)
    const counted = await (await get('/metrics')).text()
    for (const labels of [
      'route="/v1/captions",status="401"',
      'route="/v2/models/:model{/versions/:version}/infer",status="401"',
      'route="/model/predict",status="413"',
      'route="other",status="401"',
    ])
      expect(counted).toContain(`showtell_request_seconds_count{method="POST",${labels}} 1`)
  })

  it('counts the photos of an outage, and of a client that went away', async () => {
    const { get, post, captioner, client } = await listen()
    const counted = async () => (await get('/metrics')).text()
    vi.spyOn(captioner, 'caption').mockRejectedValueOnce(new Error('the worker died'))
    expect((await post(form({ 'a.jpg': 'cat', 'b.jpg': 'dog' }))).status).toBe(500)
    expect(await counted()).toContain('showtell_photos_total{outcome="INTERNAL"} 2')
    // One that fails by itself is counted once.
    expect((await post(form({ 'a.jpg': 'damaged' }))).status).toBe(422)
    expect(await counted()).toContain('showtell_photos_total{outcome="INVALID_IMAGE"} 1')
    const { shut, open } = gate()
    captioner.gate = shut
    const leaving = client()
    leaving.end('cat')
    await expect.poll(() => captioner.calls.length, SOON).toBe(2)
    leaving.destroy()
    await expect.poll(counted, SOON).toContain('showtell_photos_total{outcome="ABORTED"} 1')
    open()
  })

  it('logs the address of a client, not that of a proxy that is trusted', async () => {
    for (const [trustProxy, address] of [
      [['loopback'], '198.51.100.7'],
      [[], '127.0.0.1'],
    ] as const) {
      const { get, log } = await listen({ trustProxy: [...trustProxy] })
      await get('/v1/model', { headers: { 'X-Forwarded-For': '198.51.100.7' } })
      await expect.poll(() => log.length, SOON).toBe(1)
      expect(JSON.parse(log[0]!).req.remoteAddress).toBe(address)
    }
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
})
