import { once } from 'node:events'
import { readFileSync, watch } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeBundle } from '../decoder/bundle.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { readConfig } from './config.js'
import { type HostileRequest, hostileBytes, hostileRequests } from './fixtures/hostile.js'
import { largePhoto } from './fixtures/hostile-photos.js'
import { ServiceProcess } from './fixtures/process.js'

const DEFAULTS = readConfig({}, {})
const PHOTO = readFileSync(new URL('../examples/cat.jpg', import.meta.url))
/** Above `idle`, bytes. */
const MOST_TAKEN = 300 * 2 ** 20

/** One connection for all requests would be closed by half of them. */
const agent = new Agent({ keepAlive: false })
const folder = temporaryFolder('hostile')
let service: ServiceProcess
let url: URL
/** Resident memory of the service when it has captioned some photos and has nothing to do, bytes. */
let idle: number
const written: string[] = []

beforeAll(async () => {
  const bundle = join(folder, 'bundle')
  await writeBundle(bundle, tinyContent())
  const temporary = join(folder, 'temporary')
  await mkdir(temporary)
  watch(temporary, { recursive: true }, (_event, name) => {
    if (name !== null) written.push(name)
  }).unref()
  service = await ServiceProcess.start(
    [
      ...['--bundle', bundle, '--engine', 'onnx', '--threads', '1', '--log-level', 'silent'],
      ...['--deadline', '3600000', '--drain-delay', '0'],
    ],
    // Whatever writes to disk, for a while or for good, writes there.
    { TMPDIR: temporary, HOME: temporary, XDG_CACHE_HOME: '' },
  )
  url = new URL(service.url)
  for (let i = 0; i < 4; i++) expect(await status(photo())).toBe(200)
  idle = (await service.metrics())('process_resident_memory_bytes')
})
afterAll(() => service.stop())

function photo(query = '', body: Buffer = PHOTO): HostileRequest {
  const headers = { 'Content-Type': 'image/jpeg' }
  return { name: 'a photo', path: `/v1/captions${query}`, headers, body: () => body }
}

/** A query of which every answer is another: none is known, and none shares a batch. */
function drawn(seed: number): string {
  return `?temperature=1&seed=${seed}`
}

/** The status of the answer to a request. */
async function status({
  method = 'POST',
  path = '/v1/captions',
  headers,
  body,
}: HostileRequest): Promise<number> {
  const content = body?.()
  const client = httpRequest(url, { method, path, agent, ...(headers === undefined ? {} : { headers }) })
  const answered = once(client, 'response')
  // The rest of a body that was refused need not be taken.
  client.on('error', () => {})
  client.end(content)
  const [response] = await answered
  response.resume()
  return response.statusCode
}

/** The status of the answer to bytes; 0 when the connection is closed without one. */
async function statusOf(bytes: Buffer | string): Promise<number> {
  const socket = connect(Number(url.port), url.hostname)
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  const isClosed = new Promise((resolve) => socket.once('close', resolve))
  socket.end(bytes)
  await isClosed
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0)
}

/** The most that the service ever had above `idle`, bytes. */
async function taken(): Promise<number> {
  return (await service.metrics())('showtell_peak_memory_bytes') - idle
}

/** What was not answered with a status from 400 to 499. */
async function unrefused<T extends { name: string }>(
  hostile: readonly T[],
  ask: (one: T) => Promise<number>,
) {
  const others: string[] = []
  for (const one of hostile) {
    const code = await ask(one)
    if (code < 400 || code > 499) others.push(`${one.name}: ${code}`)
  }
  return others
}

const HOSTILE = await hostileRequests()
const BYTES = hostileBytes()

describe('a stranger', () => {
  it('has many ways to be hostile', () => {
    const names = [...Object.values(HOSTILE).flat(), ...BYTES].map(({ name }) => name)
    expect(names.length).toBeGreaterThan(300)
    expect(new Set(names).size).toBe(names.length)
  })

  it.each(Object.entries(HOSTILE))(
    'is refused little by little: %s; the next photo is captioned',
    async (_what, requests) => {
      expect(await unrefused(requests, status)).toEqual([])
      expect(await taken()).toBeLessThan(MOST_TAKEN)
      expect(await status(photo())).toBe(200)
    },
  )

  it('is refused where there is no HTTP; the next photo is captioned', async () => {
    expect(await unrefused(BYTES, ({ bytes }) => statusOf(bytes()))).toEqual([])
    expect(await taken()).toBeLessThan(MOST_TAKEN)
    expect(await status(photo())).toBe(200)
  })

  it('keeps nobody else from being answered', async () => {
    const hostile = [...HOSTILE.bombs!, ...HOSTILE.mixtures!, ...HOSTILE['other types']!]
    const asked = hostile.flatMap((one, i) => [
      status(one),
      ...(i % 10 === 0 ? [status(photo(drawn(i)))] : []),
    ])
    const codes = await Promise.all(asked)
    expect(codes.filter((code) => code === 200)).toHaveLength(Math.ceil(hostile.length / 10))
    expect(codes.filter((code) => code !== 200 && (code < 400 || code > 499))).toEqual([])
    expect(await taken()).toBeLessThan(MOST_TAKEN)
  })

  it('gets large photos captioned, one at a time', async () => {
    const file = await largePhoto()
    const codes = await Promise.all(Array.from({ length: 8 }, (_, i) => status(photo(drawn(i), file))))
    expect(codes).toEqual(new Array(8).fill(200))
    // Together they would take 1 GB.
    expect(await taken()).toBeLessThan(2 * DEFAULTS.maxDecodeBytes)
  })

  it('leaves nothing on the disk', () => {
    expect(written).toEqual([])
  })
})
