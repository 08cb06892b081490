import { once } from 'node:events'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { parseJson } from './body.js'
import { failure, form, gate, listen, SOON } from './fixtures/service.js'
import { Memory } from './memory.js'

interface Answer {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

/** A request that sends what it is told to, when it is told to. */
function slowly(port: number, path: string, headers: Record<string, string>) {
  const client: ClientRequest = httpRequest({ port, method: 'POST', path, headers, agent: false })
  const answer = new Promise<Answer>((resolve, reject) => {
    client.on('error', reject)
    client.on('response', (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }))
    })
  })
  // Where nobody waits for it, an end of the connection is none of an error.
  answer.catch(() => {})
  return { client, answer }
}

const RAW = { 'Content-Type': 'image/png' }
const CAPTIONS = '/v1/captions'

describe('a slow body', () => {
  it.each<[string, string, Record<string, string>, string]>([
    ['raw image', CAPTIONS, RAW, 'ca'],
    ['JSON', CAPTIONS, { 'Content-Type': 'application/json' }, '{"images":['],
    [
      'form',
      CAPTIONS,
      { 'Content-Type': 'multipart/form-data; boundary=b' },
      '--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nca',
    ],
    [
      'form of MAX',
      '/model/predict',
      { 'Content-Type': 'multipart/form-data; boundary=b' },
      '--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nca',
    ],
    ['inference request', '/v2/models/captioner/infer', { 'Content-Type': 'application/json' }, '{'],
  ])('is answered with 408 at its time, others as ever: %s', async (_what, path, headers, start) => {
    const { port, post } = await listen({ uploadTimeout: 300 })
    const { client, answer } = slowly(port, path, { ...headers, 'Content-Length': '1000' })
    client.write(start)
    // A byte now and then does not help.
    const drip = setInterval(() => client.write(' '), 20)
    expect((await post(form({ 'a.jpg': 'cat' }))).status).toBe(200)
    const { status, headers: answered, body } = await answer
    clearInterval(drip)
    expect(status).toBe(408)
    expect(answered.connection).toBe('close')
    expect(body).toContain('Expected the whole body within 300 ms but it took longer')
    expect((await post(form({ 'a.jpg': 'cat' }))).status).toBe(200)
  })
})

describe('bodies together', () => {
  // What a photo is answered with, which the captioner repeats twice, has to fit beside the other bodies.
  const LIMITS = { maxBodyBytes: 2000, maxHeldBytes: 4200, maxImageBytes: 2000 }

  it('are refused for now when they would be more than is held at once, and taken again after', async () => {
    const { port, post, held } = await listen(LIMITS)
    const headers = { ...RAW, 'Transfer-Encoding': 'chunked' }
    const first = slowly(port, CAPTIONS, headers)
    const second = slowly(port, CAPTIONS, headers)
    for (const { client } of [first, second]) client.write('x'.repeat(1900))
    await expect.poll(held, SOON).toBe(3800)
    const refused = await post('x'.repeat(500), CAPTIONS, RAW)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await failure(refused)).toMatchObject({ code: 'OVERLOADED', where: 'the body' })
    // One that does not say how much it will be, too, once it is too much.
    const third = slowly(port, CAPTIONS, headers)
    third.client.write('x'.repeat(500))
    expect((await third.answer).status).toBe(503)
    // A small one still fits.
    expect((await post('cat', CAPTIONS, RAW)).status).toBe(200)
    first.client.destroy()
    await expect.poll(held, SOON).toBe(1900)
    expect((await post('x'.repeat(500), CAPTIONS, RAW)).status).toBe(200)
    second.client.end()
    expect((await second.answer).status).toBe(200)
  })

  it('leave nothing behind, however they end', async () => {
    const { port, held } = await listen({ ...LIMITS, uploadTimeout: 200 })
    const chunked = { ...RAW, 'Transfer-Encoding': 'chunked' }
    for (let i = 0; i < 5; i++) {
      const slow = slowly(port, CAPTIONS, chunked)
      slow.client.write('x'.repeat(900))
      const gone = slowly(port, CAPTIONS, chunked)
      gone.client.write('x'.repeat(900), () => gone.client.destroy())
      const large = slowly(port, CAPTIONS, chunked)
      large.client.write('x'.repeat(2001))
      expect([408, 503]).toContain((await slow.answer).status)
      expect([413, 503]).toContain((await large.answer).status)
    }
    await expect.poll(held, SOON).toBe(0)
  })
})

describe('the bytes of answers', () => {
  it('are held in place of those of the request until the client has taken them', async () => {
    const { client, held } = await listen()
    const asked = client(RAW)
    asked.end(Buffer.alloc(8 * 2 ** 20, 'x'))
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    // More than what the buffers of a connection take.
    const length = Number(response.headers['content-length'])
    expect(length).toBeGreaterThan(16 * 2 ** 20)
    expect(await held()).toBe(length)
    response.resume()
    await expect.poll(held, SOON).toBe(0)
  })

  it.each([
    ['captions', CAPTIONS, RAW],
    ['an inference', '/v2/models/captioner/infer', { 'Content-Type': 'application/octet-stream' }],
  ])('are refused for now where there is no room for them: %s', async (_what, path, headers) => {
    const { post, held } = await listen({ maxHeldBytes: 1000 })
    const refused = await post('x'.repeat(900), path, headers)
    expect([refused.status, (await refused.text()).includes('OVERLOADED')]).toEqual([503, true])
    expect(['Retry-After', 'ETag'].map((name) => refused.headers.get(name))).toEqual(['1', null])
    expect((await post('cat', path, headers)).status).toBe(200)
    await expect.poll(held, SOON).toBe(0)
  })
})

describe('the bytes of photos', () => {
  const ONE_BY_ONE = { batchSize: 1, batchDelay: 0, maxImages: 1 }

  it('stay held while a batch has them, though the deadline is over', async () => {
    const { post, held, captioner } = await listen({ ...ONE_BY_ONE, deadline: 500 })
    const { shut, open } = gate()
    captioner.gate = shut
    expect((await post('x'.repeat(900), CAPTIONS, RAW)).status).toBe(504)
    expect(await held()).toBe(900)
    open()
    await expect.poll(held, SOON).toBe(0)
  })

  it('stay held while a batch has them, though the clients went away; those that waited are let go', async () => {
    const { port, held, waiting, captioner, get } = await listen(ONE_BY_ONE)
    const { shut, open } = gate()
    captioner.gate = shut
    const clients = ['a', 'b', 'c'].map((letter) => {
      const { client } = slowly(port, CAPTIONS, RAW)
      client.end(letter.repeat(900))
      return client
    })
    await expect.poll(waiting, SOON).toBe(1)
    expect(await held()).toBe(2700)
    for (const client of clients) client.destroy()
    const errors = async () => (await get('/metrics')).text()
    await expect.poll(errors, SOON).toContain('showtell_errors_total{code="ABORTED"} 3')
    expect(await waiting()).toBe(0)
    expect(await held()).toBe(1800)
    open()
    await expect.poll(held, SOON).toBe(0)
  })
})

describe('a body', () => {
  it('that comes in very many pieces is refused, and its connection ended', async () => {
    const { port, held, captioner } = await listen()
    const socket = connect(port)
    socket.write(`POST ${CAPTIONS} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`)
    socket.write('1\r\nx\r\n'.repeat(10_200))
    const answer = await text(socket)
    expect(answer).toMatch(/^HTTP\/1.1 400 .*\r\nConnection: close\r\n/s)
    expect(answer).toContain('Expected larger pieces for the body')
    expect(captioner.calls).toEqual([])
    await expect.poll(held, SOON).toBe(0)
  })

  it('that is compressed is refused before it is read, to whatever it would unpack', async () => {
    const { post, captioner } = await listen()
    for (const type of ['image/png', 'application/json', 'multipart/form-data; boundary=b']) {
      const headers = { 'Content-Type': type, 'Content-Encoding': 'gzip' }
      const answer = await failure(await post(gzipSync(Buffer.alloc(10_000_000)), CAPTIONS, headers))
      expect(answer).toMatchObject({ status: 415, where: 'Content-Encoding' })
    }
    expect(captioner.calls).toEqual([])
  })

  it('that is too large by its own word is refused before it is sent', async () => {
    const { port } = await listen({ maxBodyBytes: 1000 })
    const { client, answer } = slowly(port, CAPTIONS, { ...RAW, 'Content-Length': '1001' })
    client.flushHeaders()
    expect((await answer).status).toBe(413)
    client.destroy()
  })

  it.each([
    ['raw image', CAPTIONS, 'image/png'],
    ['JSON', CAPTIONS, 'application/json'],
    ['form', CAPTIONS, 'multipart/form-data; boundary=b'],
    ['inference request', '/v2/models/captioner/infer', 'application/json'],
    ['photo of an inference request', '/v2/models/captioner/infer', 'application/octet-stream'],
  ])('that turns out too large is refused, whichever it is: %s', async (_what, path, type) => {
    const { port } = await listen({ maxBodyBytes: 1000, maxImageBytes: 5000, maxJsonBytes: 5000 })
    const { client, answer } = slowly(port, path, { 'Content-Type': type, 'Transfer-Encoding': 'chunked' })
    client.end('x'.repeat(1001))
    const { status, body } = await answer
    expect(status).toBe(413)
    expect(body).toContain('Expected at most 1000 bytes for the body but received more')
  })
})

describe('parseJson', () => {
  it('makes a text of one body at a time', async () => {
    const steps: string[] = []
    const decode = TextDecoder.prototype.decode
    vi.spyOn(TextDecoder.prototype, 'decode').mockImplementation(function (this: TextDecoder, ...given) {
      steps.push('decode')
      return decode.apply(this, given)
    })
    const parse = JSON.parse
    vi.spyOn(JSON, 'parse').mockImplementation((text) => {
      steps.push('parse')
      return parse(text)
    })
    onTestFinished(() => void vi.restoreAllMocks())
    const bodies = ['1', '{', '[2]'].map((text) => parseJson(Buffer.from(text)).catch(() => 'none'))
    expect(await Promise.all(bodies)).toEqual([1, 'none', [2]])
    expect(steps.join(' ')).toBe('decode parse decode parse decode parse')
  })

  it('gives the value of JSON', async () => {
    expect(await parseJson(Buffer.from('{"images":[{"base64":"/9j\\/4A=="}],"é":[1,[]]}'))).toEqual({
      images: [{ base64: '/9j/4A==' }],
      é: [1, []],
    })
  })

  it('passes over a byte order mark', async () => {
    expect(await parseJson(Buffer.from('\uFEFF{"a":1}'))).toEqual({ a: 1 })
  })

  it.each([
    ['a list of lists', `[${'[],'.repeat(20_000)}[]]`],
    ['lists in lists', '['.repeat(20_000)],
    ['objects in objects', '{"a":'.repeat(20_000)],
    ['numbers', `[${'1,'.repeat(20_000)}1]`],
    ['names', `{${'"a":1,'.repeat(20_000)}"b":1}`],
  ])('refuses %s without end', async (_what, text) => {
    await expect(parseJson(Buffer.from(text))).rejects.toThrow('Expected at most 5000 values for the body')
  })

  it('says what is wrong with what is no JSON', async () => {
    for (const text of ['', '{', 'null,', "{'a': 1}", '\xff\xd8'])
      await expect(parseJson(Buffer.from(text, 'latin1'))).rejects.toThrow('Expected JSON for the body but')
  })
})

describe('Memory', () => {
  it('holds no more than its limit', () => {
    const memory = new Memory(10)
    memory.hold(7)
    expect(() => memory.hold(4)).toThrow('Expected at most 3 bytes for all bodies and answers now')
    expect(memory.held).toBe(7)
    memory.hold(3)
    memory.release(10)
    expect(memory.held).toBe(0)
  })
})
