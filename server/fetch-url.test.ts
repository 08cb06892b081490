import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ShowtellError } from '../errors.js'
import { type FetchLimits, fetchUrl } from './fetch-url.js'
import { isPublic } from './public-address.js'

interface Address {
  readonly address: string
  readonly family: number
}

/** What the name servers answer, by name; a name with several answers gives them one after the other. */
const names = vi.hoisted(() => new Map<string, Address[][]>())
const lookups = vi.hoisted((): string[] => [])
/** Names whose servers never answer. */
const SILENT = 'silent.example'
vi.mock('node:dns/promises', () => ({
  Resolver: class {
    #cancel = (): void => {}

    async resolve4(name: string): Promise<string[]> {
      lookups.push(name)
      if (name === SILENT)
        await new Promise((_resolve, reject) => {
          this.#cancel = () => reject(new Error('queryA ECANCELLED'))
        })
      return this.#answer(name, 4)
    }

    async resolve6(name: string): Promise<string[]> {
      try {
        return this.#answer(name, 6)
      } finally {
        const answers = names.get(name) ?? []
        if (answers.length > 1) answers.shift()
      }
    }

    cancel(): void {
      this.#cancel()
    }

    #answer(name: string, family: number): string[] {
      const addresses = names.get(name)?.[0]?.filter((one) => one.family === family) ?? []
      if (addresses.length === 0) throw new Error(`query ENODATA ${name}`)
      return addresses.map(({ address }) => address)
    }
  },
}))

const ended: (() => void)[] = []
afterEach(() => {
  for (const end of ended.splice(0)) end()
  names.clear()
  lookups.length = 0
})

/** A server in this machine; to be reached, its address has to be allowed. */
async function serve(answer: RequestListener): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((req, res) => {
    asked.push(`${req.headers.host} ${req.url}`)
    answer(req, res)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  ended.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, asked }
}

const LIMITS: FetchLimits = {
  gone: new AbortController().signal,
  bytes: 1000,
  timeout: 10_000,
  hold: () => {},
  // As if the machine stood in the Internet.
  allows: (address) => address === '127.0.0.1' || isPublic(address),
}
const fetched = (url: string, limits: Partial<FetchLimits> = {}) =>
  fetchUrl(url, 'photo 1', { ...LIMITS, ...limits })

describe('fetchUrl', () => {
  it('ends when nobody waits any more', async () => {
    const gone = new AbortController()
    const { port } = await serve((_req, res) => {
      res.write('half')
      gone.abort()
    })
    await expect(fetched(`http://127.0.0.1:${port}/`, { gone: gone.signal })).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
    })
  })

  it('fetches bytes, and asks with nothing of its own', async () => {
    const { port } = await serve((req, res) => res.end(JSON.stringify(req.headers)))
    names.set('photos.example', [[{ address: '127.0.0.1', family: 4 }]])
    const bytes = await fetched(`http://photos.example:${port}/cat.jpg`)
    expect(Object.keys(JSON.parse(Buffer.from(bytes).toString()) as object).sort()).toEqual([
      'accept',
      'connection',
      'host',
      'user-agent',
    ])
  })

  it('refuses bytes that come in very many pieces', async () => {
    const { port } = await serve(async (_req, res) => {
      for (let i = 0; i < 10_200 && !res.destroyed; i++)
        if (!res.write('x')) await new Promise((resolve) => res.once('drain', resolve).once('close', resolve))
      res.end()
    })
    await expect(fetched(`http://127.0.0.1:${port}/`, { bytes: 20_000 })).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      message: expect.stringContaining('Expected larger pieces for photo 1'),
    })
  })

  it.each([
    'file:///etc/passwd',
    'ftp://photos.example/a.jpg',
    'data:image/png;base64,AAAA',
    'javascript:alert(1)',
    'http://user:secret@photos.example/',
    '//photos.example/a.jpg',
    'photo.jpg',
    'http://',
    '',
  ])('refuses the address %j', async (url) => {
    await expect(fetched(url)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', where: 'url of photo 1' })
    expect(lookups).toEqual([])
  })

  it.each([
    ['a number', '127.0.0.1'],
    ['an octal number', '0177.0.0.1'],
    ['a hexadecimal number', '0x7f000001'],
    ['one number', '2130706433'],
    ['a short number', '127.1'],
    ['a number with a dot', '127.0.0.1.'],
    ['full-width digits', '１２７.０.０.１'],
    ['IPv6', '[::1]'],
    ['IPv4 in IPv6', '[::ffff:127.0.0.1]'],
    ['metadata', '169.254.169.254'],
  ])('connects to no private address, given as %s', async (_how, host) => {
    const { port, asked } = await serve((_req, res) => res.end('secret'))
    await expect(fetched(`http://${host}:${port}/`, { allows: isPublic })).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      message: 'Expected to fetch photo 1 but no public server answered',
    })
    expect(asked).toEqual([])
  })

  it('connects to no name with a private address, not even beside a public one, and tells no more', async () => {
    const { port, asked } = await serve((_req, res) => res.end('secret'))
    names.set('inside.example', [[{ address: '127.0.0.1', family: 4 }]])
    names.set('both.example', [
      [
        { address: '2606:4700::1111', family: 6 },
        { address: '127.0.0.1', family: 4 },
      ],
    ])
    for (const name of ['inside.example', 'both.example', 'nothing.example', 'localhost'])
      await expect(fetched(`http://${name}:${port}/`, { allows: isPublic })).rejects.toMatchObject({
        message: 'Expected to fetch photo 1 but no public server answered',
      })
    expect(asked).toEqual([])
  })

  it('connects to the address that was checked, whatever the name resolves to next', async () => {
    const { port, asked } = await serve((_req, res) => res.end('photo'))
    names.set('rebinding.example', [
      [{ address: '127.0.0.1', family: 4 }],
      [{ address: '169.254.169.254', family: 4 }],
    ])
    const url = `http://rebinding.example:${port}/`
    expect(Buffer.from(await fetched(url)).toString()).toBe('photo')
    expect(lookups).toEqual(['rebinding.example'])
    await expect(fetched(url)).rejects.toMatchObject({ code: 'INVALID_IMAGE' })
    expect(asked).toHaveLength(1)
  })

  it('follows redirects, three at most, and checks each', async () => {
    const inside = await serve((_req, res) => res.end('secret'))
    const { port, asked } = await serve((req, res) => {
      const to: Record<string, string> = {
        '/once': '/photo',
        '/round': '/round',
        '/inside': `http://inside.example:${inside.port}/`,
        '/number': `http://[::1]:${inside.port}/`,
        '/file': 'file:///etc/passwd',
      }
      const location = to[req.url ?? '']
      if (location === undefined) res.end('photo')
      else res.writeHead(302, { Location: location }).end()
    })
    names.set('photos.example', [[{ address: '127.0.0.1', family: 4 }]])
    names.set('inside.example', [[{ address: '10.0.0.1', family: 4 }]])
    const base = `http://photos.example:${port}`
    expect(Buffer.from(await fetched(`${base}/once`)).toString()).toBe('photo')
    asked.length = 0
    await expect(fetched(`${base}/round`)).rejects.toThrow('it leads on more than 3 times')
    expect(asked).toHaveLength(4)
    for (const path of ['/inside', '/number'])
      await expect(fetched(base + path)).rejects.toThrow('no public server answered')
    await expect(fetched(`${base}/file`)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(inside.asked).toEqual([])
  })

  it('stops at the limit of bytes, whatever the server says of their number', async () => {
    const { port } = await serve((_req, res) => {
      const more = (): boolean => res.write(Buffer.alloc(100))
      const timer = setInterval(more, 1)
      res.once('close', () => clearInterval(timer))
    })
    names.set('endless.example', [[{ address: '127.0.0.1', family: 4 }]])
    const held: number[] = []
    const url = `http://endless.example:${port}/`
    await expect(fetched(url, { hold: (bytes) => held.push(bytes) })).rejects.toMatchObject({
      code: 'IMAGE_TOO_LARGE',
      where: 'photo 1',
    })
    expect(held.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(LIMITS.bytes)
  })

  it('holds what it keeps, and goes no further without room', async () => {
    const { port } = await serve((_req, res) => res.end('photo'))
    names.set('photos.example', [[{ address: '127.0.0.1', family: 4 }]])
    const hold = (): void => {
      throw new ShowtellError('OVERLOADED', 'full')
    }
    await expect(fetched(`http://photos.example:${port}/`, { hold })).rejects.toMatchObject({
      code: 'OVERLOADED',
    })
  })

  it('gives up when the name servers never answer', async () => {
    await expect(fetched(`http://${SILENT}/`, { timeout: 50 })).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      message: 'Expected to fetch photo 1 but it took longer than 50 ms',
    })
  })

  it.each<[string, RequestListener]>([
    ['never answers', () => {}],
    ['never ends', (_req, res) => void res.write('x')],
    [
      'changes to another protocol',
      (req) => void req.socket.write('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
    ],
  ])('gives up when the server %s', async (_what, answer) => {
    const { port } = await serve(answer)
    names.set('slow.example', [[{ address: '127.0.0.1', family: 4 }]])
    await expect(fetched(`http://slow.example:${port}/`, { timeout: 50 })).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      message: 'Expected to fetch photo 1 but it took longer than 50 ms',
    })
  })

  it.each<[string, RequestListener, string]>([
    ['404', (_req, res) => void res.writeHead(404).end(), 'its server answered 404'],
    ['a broken answer', (req) => void req.socket.end('nonsense\r\n\r\n'), 'no public server answered'],
    [
      'half of it',
      (_req, res) => void res.writeHead(200, { 'Content-Length': 9 }).write('x', () => res.destroy()),
      'no public server answered',
    ],
  ])('says what became of %s', async (_what, answer, why) => {
    const { port } = await serve(answer)
    names.set('photos.example', [[{ address: '127.0.0.1', family: 4 }]])
    await expect(fetched(`http://photos.example:${port}/`)).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      message: `Expected to fetch photo 1 but ${why}`,
    })
  })
})
