import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { appendFile, mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { temporaryFolder } from '../../temporary.test.folder.js'
import { readCaptions } from '../captions.js'
import type { FetchProgress } from './fetch.js'
import { fetchSource } from './fetch.js'
import { serve } from './fixtures/server.js'
import { type Archive, SOURCES, type Source } from './sources.js'

vi.mock('node:fs/promises', async (load) => {
  const real = await load<typeof import('node:fs/promises')>()
  return { ...real, open: vi.fn(real.open) }
})

const fixture = (name: string) => readFile(join(import.meta.dirname, 'fixtures', name))
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const zip = await fixture('made.zip')
const photos = Object.fromEntries(
  Array.from({ length: 40 }, (_, id) => [`/val/${id}.jpg`, Buffer.from(`photo ${id} `.repeat(30))]),
)
const quick = { pause: 0.001, tries: 3 }

let folder: string
let server: Awaited<ReturnType<typeof serve>>
beforeEach(async () => {
  folder = temporaryFolder('fetch', onTestFinished)
  server = await serve({ '/made.zip': zip, '/evil.zip': await fixture('evil.zip'), ...photos })
})
afterEach(() => server.close())

const archive = (becomes: string, keep: Archive['keep'], name = 'made.zip', bytes = zip): Archive => ({
  url: `http://official.invalid/${name}`,
  sum: { algorithm: 'sha256', value: sha256(bytes), from: 'the test' },
  becomes,
  keep,
})
const source = (archives: readonly Archive[], files: readonly string[] = []): Source => ({
  title: 'made up',
  terms: 'none',
  archives,
  files: Object.fromEntries(
    files.map((path) => [path.replace('/val', 'photos'), { url: `http://official.invalid${path}` }]),
  ),
  captions: 'captions.json',
})
const fetchMade = (made: Source, options = {}) =>
  fetchSource(made, folder, { ...quick, mirror: server.address, ...options })
const flickr = source([archive('text', /^[^/]+\.txt$/), archive('photos', /^Flicker8k_Dataset\/[^/]+\.jpg$/)])

test('archives become folders of what is wanted of them, and are gone', async () => {
  const seen: FetchProgress[] = []
  expect(await fetchMade(flickr, { onProgress: (progress: FetchProgress) => seen.push(progress) })).toEqual({
    failed: [],
    firstSeen: 0,
  })
  expect((await readdir(folder)).sort()).toEqual(['photos', 'text'])
  expect((await readdir(join(folder, 'photos'))).sort()).toEqual(['1.jpg', '2.jpg'])
  expect(await readFile(join(folder, 'photos/1.jpg'), 'utf8')).toBe('photo one')
  expect((await readdir(join(folder, 'text'))).sort()).toEqual(['Flickr8k.token.txt', 'readme.txt'])
  expect(seen.at(-1)).toMatchObject({ what: 'unpack made.zip', unit: 'files', done: 10, total: 10 })
  await fetchMade(flickr)
  expect(server.asked).toHaveLength(2)
})

test('an archive that a kill left beside what became of it is gone after the next call', async () => {
  await fetchMade(flickr)
  await writeFile(join(folder, 'made.zip'), zip)
  await fetchMade(flickr)
  expect((await readdir(folder)).sort()).toEqual(['photos', 'text'])
})

test('stopped while it unpacks, it ends with what it was stopped with', async () => {
  const stop = new AbortController()
  const reason = new Error('stopped by the test')
  const onProgress = ({ what }: FetchProgress): void => {
    if (what.startsWith('unpack')) stop.abort(reason)
  }
  await expect(fetchMade(flickr, { signal: stop.signal, onProgress })).rejects.toBe(reason)
})

test('of a COCO captions file the images of the list are kept, with their captions and licences', async () => {
  const keep = { captions: 'annotations/captions_val2014.json', images: [1, 3] }
  await fetchMade(source([archive('captions.json', keep)]))
  const images = await readCaptions(join(folder, 'captions.json'))
  expect(images).toEqual([
    { id: '1', file: 'COCO_val2014_000000000001.jpg', captions: ['caption 0', 'caption 3', 'caption 6'] },
    { id: '3', file: 'COCO_val2014_000000000003.jpg', captions: ['caption 2', 'caption 5'] },
  ])
  expect(await readFile(join(folder, 'captions.json'), 'utf8')).toContain('"name":"a licence"')
  await rm(join(folder, 'captions.json'))
  const more = { ...keep, images: [1, 3, 77] }
  await expect(fetchMade(source([archive('captions.json', more)]))).rejects.toThrow(
    'Expected 3 images of the list',
  )
})

test('the sums of single files are written down as sha256sum does, and hold from then on', async () => {
  const made = source([], Object.keys(photos))
  expect(await fetchMade(made)).toEqual({ failed: [], firstSeen: 40 })
  const written = (await readFile(join(folder, 'SHA256SUMS'), 'utf8')).trimEnd().split('\n')
  expect(written.sort()).toEqual(
    Object.entries(photos)
      .map(([path, bytes]) => `${sha256(bytes)}  ${path.replace('/val', 'photos')}`)
      .sort(),
  )
  expect(await fetchMade(made)).toEqual({ failed: [], firstSeen: 0 })
  expect(server.asked).toHaveLength(40)

  // One was lost, one is damaged, and the server has another in its place.
  await rm(join(folder, 'photos/3.jpg'))
  await writeFile(join(folder, 'photos/4.jpg'), 'damaged')
  await server.close()
  server = await serve({ ...photos, '/val/5.jpg': Buffer.from('something else') })
  await rm(join(folder, 'photos/5.jpg'))
  const troubles: string[] = []
  const { failed } = await fetchMade(made, { onTrouble: (trouble: string) => troubles.push(trouble) })
  expect(troubles).toEqual([`${join(folder, 'photos/4.jpg')} is damaged and is fetched again`])
  expect(failed.map(({ message }) => message)).toEqual([
    expect.stringContaining(
      `Expected sha256 ${sha256(photos['/val/5.jpg']!)} (as it first came, SHA256SUMS) for`,
    ),
  ])
  expect(await readFile(join(folder, 'photos/4.jpg'))).toEqual(photos['/val/4.jpg'])
  expect(await readdir(join(folder, 'photos'))).toHaveLength(39)
})

test('a file that is not there is reported and the others come; a server that fails stops it', async () => {
  const made = source([], [...Object.keys(photos), '/val/none.jpg'])
  const { failed } = await fetchMade(made)
  expect(failed).toMatchObject([{ code: 'NOT_FOUND', message: expect.stringContaining('/val/none.jpg') }])
  expect(await readdir(join(folder, 'photos'))).toHaveLength(40)
  await rm(join(folder, 'photos'), { recursive: true })
  server.behaviour.status = 503
  await expect(fetchMade(made)).rejects.toMatchObject({ code: 'DEADLINE' })
})

test('an archive that would leave its folder, one that is none, and one without what is wanted are refused', async () => {
  const evil = await fixture('evil.zip')
  await expect(fetchMade(source([archive('out', /./, 'evil.zip', evil)]))).rejects.toMatchObject({
    code: 'INVALID_DATA',
    message: expect.stringContaining('../evil.txt'),
  })
  const photo = photos['/val/1.jpg']!
  await expect(fetchMade(source([archive('out', /./, 'val/1.jpg', photo)]))).rejects.toThrow(
    'Expected a whole zip archive at',
  )
  await expect(fetchMade(source([archive('out', /^nothing$/)]))).rejects.toThrow(
    'Expected members /^nothing$/',
  )
  expect(await readdir(folder)).not.toContain('out')
})

test('a full disk is told with the folder', async () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
    code: 'ENOSPC',
    syscall: 'write',
  })
  const handle = { appendFile: () => Promise.reject(full), close: () => Promise.resolve() }
  vi.mocked(open).mockResolvedValueOnce(handle as unknown as Awaited<ReturnType<typeof open>>)
  await expect(fetchMade(flickr)).rejects.toThrow(
    `Expected to be able to write for ${folder} but received "a full disk"`,
  )
})

test('two processes do not fetch into one folder', async () => {
  // The first one gets no further than the first bytes until the second was refused.
  let goOn = (): void => {}
  server.behaviour.hold = new Promise((resolve) => {
    goOn = resolve
  })
  const first = fetchMade(flickr)
  await vi.waitFor(() => expect(server.asked).toHaveLength(1), { timeout: 60_000 })
  await expect(fetchMade(flickr)).rejects.toThrow('Expected no other writer')
  goOn()
  await first
})

test('killed at random moments and started again, it has every file whole', async () => {
  const files = Object.fromEntries(
    Object.keys(photos).map((path) => [`photos/${path.slice(5)}`, { url: server.address + path }]),
  )
  const keep = { captions: 'annotations/captions_val2014.json', images: [1] }
  const made = {
    ...source([{ ...archive('captions.json', keep), url: `${server.address}/made.zip` }]),
    files,
  }
  const start = () =>
    spawn(
      process.execPath,
      ['--import', 'tsx', 'data/fetch/fixtures/fetch-made.ts', JSON.stringify(made), folder],
      { cwd: join(import.meta.dirname, '../..'), stdio: ['ignore', 'inherit', 'inherit'] },
    )
  server.behaviour.pause = 20
  // In the archive, between files, in the last ones: whenever the server was asked for so much.
  for (const asked of [1, 4, 15]) {
    const child = start()
    const wanted = server.asked.length + asked
    while (server.asked.length < wanted && child.exitCode === null) await sleep(1)
    await sleep(40 * Math.random())
    child.kill('SIGKILL')
    await once(child, 'close')
    expect(child.signalCode).toBe('SIGKILL')
  }
  // What a kill in the middle of a write leaves.
  await mkdir(folder, { recursive: true })
  await appendFile(join(folder, 'SHA256SUMS'), '0123')
  server.behaviour.pause = 0
  const [code] = await once(start(), 'close')
  expect(code).toBe(0)
  for (const [path, bytes] of Object.entries(photos))
    expect(await readFile(join(folder, path.replace('/val', 'photos')))).toEqual(bytes)
  expect((await readdir(folder)).sort()).toEqual(['SHA256SUMS', 'captions.json', 'photos'])
  const written = (await readFile(join(folder, 'SHA256SUMS'), 'utf8')).trimEnd().split('\n')
  expect(written).toHaveLength(40)
  for (const line of written) expect(line).toMatch(/^[0-9a-f]{64} {2}photos\/\d+\.jpg$/)
  expect((await stat(join(folder, 'captions.json'))).size).toBeGreaterThan(100)
})

test('the list names official hosts, and what has no published sum is what the docstring says', () => {
  for (const { archives, files } of Object.values<Source>(SOURCES)) {
    for (const { url, sum } of archives) {
      expect(url).toMatch(/^(http:\/\/images\.cocodataset\.org|https:\/\/github\.com\/jbrownlee)\//)
      expect(sum?.value).toMatch(sum?.algorithm === 'md5' ? /^[0-9a-f]{32}$/ : /^[0-9a-f]{64}$/)
    }
    for (const [path, { url, sum }] of Object.entries(files)) {
      expect(url).toMatch(/^http:\/\/images\.cocodataset\.org\/val2014\/COCO_val2014_\d{12}\.jpg$/)
      expect(path).toBe(`photos/${url.split('/').at(-1)}`)
      expect(sum).toBeUndefined()
    }
  }
  expect(Object.keys(SOURCES['coco-subset'].files)).toHaveLength(500)
})
