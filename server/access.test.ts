import { describe, expect, it } from 'vitest'
import { validate } from '../decoder/validate.js'
import { serviceOptionsSchema } from './config.js'
import { failure, form, listen, SOON } from './fixtures/service.js'

const KEY = 'correct-horse-battery-staple'
const OTHER = 'another-key-of-this-service'

describe('keys', () => {
  it.each([
    ['none', {}],
    ['another', { Authorization: 'Bearer correct-horse-battery-stapl' }],
    ['more than one', { Authorization: `Bearer ${KEY}${OTHER}` }],
    ['an empty one', { 'X-API-Key': '' }],
    ['one of another scheme', { Authorization: `Basic ${KEY}` }],
  ])('are asked for: %s', async (_what, headers) => {
    const { post, captioner } = await listen({ apiKeys: [KEY, OTHER] })
    const response = await post(form({ 'a.jpg': 'cat' }), undefined, headers)
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
    expect(await failure(response)).toMatchObject({ status: 401, code: 'UNAUTHORIZED' })
    expect(captioner.calls).toEqual([])
  })

  it('open the service, each of them, in either header', async () => {
    const { post } = await listen({ apiKeys: [KEY, OTHER] })
    for (const headers of [
      { Authorization: `Bearer ${KEY}` },
      { authorization: `bearer ${OTHER}` },
      { 'X-API-Key': KEY },
      // A token for somebody in between.
      { Authorization: 'Bearer of-a-proxy', 'X-API-Key': KEY },
    ])
      expect((await post(form({ 'a.jpg': 'cat' }), undefined, headers)).status).toBe(200)
  })

  it('are asked for by every route that captions or describes, under any spelling of its path', async () => {
    const { get, post } = await listen({ apiKeys: [KEY] })
    for (const path of [
      '/v1/model',
      '/V1/model',
      '/v1/model/',
      '/v1//model',
      '/v2',
      '/v2/models/captioner',
      '/model/metadata',
    ])
      expect([path, (await get(path)).status]).toEqual([path, 401])
    for (const path of [
      '/v1/captions',
      '/V1/Captions/',
      '/model/predict',
      '/v2/models/captioner/infer',
      '/v2/models/%ff/infer',
    ])
      expect([path, (await post('x', path)).status]).toEqual([path, 401])
  })

  it('are not asked for by the page and by what watches the service', async () => {
    const { get } = await listen({ apiKeys: [KEY] })
    for (const path of ['/', '/livez', '/readyz', '/metrics', '/v2/health/live'])
      expect([path, (await get(path)).status]).toEqual([path, 200])
  })

  it('get into no log, neither right nor wrong; nor do photos and queries', async () => {
    const { post, log } = await listen({ apiKeys: [KEY] })
    const raw = { 'Content-Type': 'image/png' }
    expect((await post('photo-bytes', '/v1/captions?seed=4711', { ...raw, 'X-API-Key': KEY })).status).toBe(
      200,
    )
    await post('cat', '/v1/captions?key=guess-in-the-query', { Authorization: 'Bearer guess-in-a-header' })
    await expect.poll(() => log.length, SOON).toBeGreaterThanOrEqual(2)
    expect(log.join('')).toContain('"path":"/v1/captions"')
    expect(log.join('')).not.toMatch(/correct-horse|guess|photo-bytes|4711/)
  })
})

describe('rates', () => {
  it('are limited by address, with a time to come again', async () => {
    const { post } = await listen({ rateLimit: 2 })
    const ask = () => post(form({ 'a.jpg': 'cat' }))
    expect((await ask()).status).toBe(200)
    expect((await ask()).headers.get('ratelimit')).toContain('r=0')
    const refused = await ask()
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await failure(refused)).toMatchObject({
      status: 429,
      code: 'RATE_LIMITED',
      message: 'Expected at most 2 a minute for requests but received "more"',
    })
  })

  it('are those of a key where there is one; guesses count for their address', async () => {
    const { get } = await listen({ rateLimit: 2, apiKeys: [KEY, OTHER] })
    const status = async (key: string) => (await get('/v1/model', { headers: { 'X-API-Key': key } })).status
    expect([await status('guess-1'), await status('guess-2'), await status('guess-3')]).toEqual([
      401, 401, 429,
    ])
    expect([await status(KEY), await status(KEY), await status(KEY)]).toEqual([200, 200, 429])
    expect(await status(OTHER)).toBe(200)
  })

  it('believe X-Forwarded-For of trusted proxies only', async () => {
    const from = async (trustProxy: string[]) => {
      const { get } = await listen({ rateLimit: 1, trustProxy })
      const status = async (address: string) =>
        (await get('/v1/model', { headers: { 'X-Forwarded-For': address } })).status
      return [await status('198.51.100.1'), await status('198.51.100.2')]
    }
    expect(await from([])).toEqual([200, 429])
    expect(await from(['10.0.0.0/8'])).toEqual([200, 429])
    expect(await from(['loopback'])).toEqual([200, 200])
  })

  it.each([
    ['198.51.100.1:1001', '198.51.100.1:1002', '198.51.100.1'],
    ['[2001:db8::1]:1001', '[2001:db8::1]', '2001:db8::1'],
    ['unknown', 'unknown:80', '127.0.0.1'],
    ['999.1.1.1:80', '[x]:80', '127.0.0.1'],
  ])('are of an address, whatever port a proxy adds: %s, %s', async (first, second, address) => {
    const { get, log } = await listen({ rateLimit: 1, trustProxy: ['loopback'] })
    const status = async (from: string) =>
      (await get('/v1/model', { headers: { 'X-Forwarded-For': from } })).status
    expect([await status(first), await status(second), await status('198.51.100.2')]).toEqual([200, 429, 200])
    await expect.poll(() => log.length, SOON).toBe(3)
    const addresses = log.map((line) => JSON.parse(line).req.remoteAddress)
    expect(addresses).toEqual([address, address, '198.51.100.2'])
  })

  it.each(['10.0.0.2:5000', '[2001:db8::2]:5000', '10.0.0.2'])(
    'are of the client before proxies that are trusted, though one stands there with a port: %s',
    async (proxy) => {
      const trustProxy = ['loopback', '10.0.0.0/8', '2001:db8::/32']
      const { get, log } = await listen({ rateLimit: 1, trustProxy })
      const status = async (client: string) =>
        (await get('/v1/model', { headers: { 'X-Forwarded-For': `${client}, ${proxy}` } })).status
      expect([await status('198.51.100.1'), await status('198.51.100.2:80')]).toEqual([200, 200])
      expect(await status('198.51.100.1:81')).toBe(429)
      await expect.poll(() => log.length, SOON).toBe(3)
      expect(JSON.parse(log[0]!).req.remoteAddress).toBe('198.51.100.1')
    },
  )

  it('leave the page and what watches the service alone', async () => {
    const { get } = await listen({ rateLimit: 1 })
    for (const path of ['/', '/', '/livez', '/livez', '/metrics', '/metrics'])
      expect((await get(path)).status).toBe(200)
  })
})

describe('pages of other origins', () => {
  const preflight = {
    method: 'OPTIONS',
    headers: { Origin: 'https://a.example', 'Access-Control-Request-Method': 'POST' },
  }

  it('may not ask unless the operator allows it', async () => {
    const { get } = await listen()
    const response = await get('/v1/captions', preflight)
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('may ask where they are allowed, before they show a key', async () => {
    const { get } = await listen({ corsOrigins: ['https://a.example'], apiKeys: [KEY] })
    const response = await get('/v1/captions', preflight)
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-origin')).toBe('https://a.example')
    expect(response.headers.get('access-control-allow-credentials')).toBeNull()
    const other = await get('/v1/captions', {
      ...preflight,
      headers: { ...preflight.headers, Origin: 'https://a.example.evil.example' },
    })
    expect(other.headers.get('access-control-allow-origin')).toBeNull()
    const answer = await get('/v1/model', { headers: { Origin: 'https://a.example', 'X-API-Key': KEY } })
    expect(answer.headers.get('access-control-expose-headers')).toContain('X-Request-Id')
  })

  it('may all ask with *', async () => {
    const { get } = await listen({ corsOrigins: ['*'] })
    expect((await get('/v1/captions', preflight)).headers.get('access-control-allow-origin')).toBe('*')
  })
})

describe('settings of access', () => {
  it.each([
    { apiKeys: ['short'] },
    { apiKeys: ['one with spaces in it'] },
    { apiKeys: 'not a list of keys' },
    { corsOrigins: ['https://a.example/path'] },
    { corsOrigins: ['a.example'] },
    { trustProxy: ['everybody'] },
    { trustProxy: ['10.0.0.0/99'] },
    { trustProxy: ['1'] },
    { trustProxy: ['loopback', '10/8'] },
    { rateLimit: -1 },
  ])('refuses %j', (options) => {
    // A key that is refused is a secret all the same.
    expect(() => validate(serviceOptionsSchema, options)).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: expect.not.stringMatching(/short|one with spaces|not a list/),
      }),
    )
  })
})
