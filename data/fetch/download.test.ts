import { createHash } from 'node:crypto'
import { open, readdir, readFile, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { temporaryFolder } from '../../temporary.test.folder.js'
import { type DownloadOptions, download, type RemoteFile } from './download.js'
import { type Behaviour, serve } from './fixtures/server.js'

vi.mock('node:fs/promises', async (load) => {
  const real = await load<typeof import('node:fs/promises')>()
  return { ...real, statfs: vi.fn(real.statfs), open: vi.fn(real.open) }
})

const content = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * index) % 251))
const sum = {
  algorithm: 'sha256' as const,
  value: createHash('sha256').update(content).digest('hex'),
  from: 'the test',
}
const quick: DownloadOptions = { pause: 0.001, tries: 3 }

let folder: string
let server: Awaited<ReturnType<typeof serve>>
let path: string
const behave = (behaviour: Behaviour) => Object.assign(server.behaviour, behaviour)
const remote = (file: Partial<RemoteFile> = {}): RemoteFile => ({
  url: `${server.address}/file`,
  sum,
  ...file,
})

beforeEach(async () => {
  folder = temporaryFolder('download', onTestFinished)
  path = join(folder, 'file')
  server = await serve({ '/file': content })
})
afterEach(async () => {
  vi.clearAllMocks()
  await server.close()
})

test('a file comes whole, with its sum, in one request', async () => {
  const seen: (number | undefined)[][] = []
  const onBytes = (...told: [number, number | undefined]) => seen.push(told)
  expect(await download(remote({ bytes: 5000 }), path, { onBytes })).toBe(sum.value)
  expect(await readFile(path)).toEqual(content)
  expect(await readdir(folder)).toEqual(['file'])
  expect(server.asked).toEqual(['/file'])
  expect(seen[0]).toEqual([0, 5000])
  expect(seen.at(-1)).toEqual([5000, 5000])
})

test('where the connection breaks, the next try asks for the rest', async () => {
  behave({ cut: 2000 })
  const troubles: string[] = []
  const onTrouble = (trouble: string) => troubles.push(trouble)
  await download(remote(), path, { ...quick, onBytes: server.onBytes, onTrouble })
  expect(await readFile(path)).toEqual(content)
  expect(server.asked).toEqual(['/file', '/file bytes=2000-', '/file bytes=4000-'])
  expect(troubles).toHaveLength(2)
})

test('what an earlier run left is gone on with', async () => {
  await writeFile(`${path}.part`, content.subarray(0, 4999))
  await download(remote(), path, quick)
  expect(await readFile(path)).toEqual(content)
  expect(server.asked).toEqual(['/file bytes=4999-'])
})

test.each([5000, undefined])(
  'what an earlier run left whole is only renamed; size known: %s',
  async (bytes) => {
    await writeFile(`${path}.part`, content)
    await download(remote(bytes === undefined ? {} : { bytes }), path, quick)
    expect(await readFile(path)).toEqual(content)
  },
)

test('a server without ranges sends it anew', async () => {
  behave({ noRanges: true })
  await writeFile(`${path}.part`, content.subarray(0, 100))
  await download(remote(), path, quick)
  expect(await readFile(path)).toEqual(content)
})

test('more than the server has is thrown away', async () => {
  await writeFile(`${path}.part`, Buffer.concat([content, content]))
  await download(remote(), path, quick)
  expect(await readFile(path)).toEqual(content)
})

test('a file without a known sum is begun anew, since its halves may not belong together', async () => {
  await writeFile(`${path}.part`, 'the beginning of something else')
  expect(await download({ url: `${server.address}/file` }, path, quick)).toBe(sum.value)
  expect(await readFile(path)).toEqual(content)
})

test('a wrong sum is named with where it is from, and nothing is kept', async () => {
  const wrong = { ...sum, value: 'f'.repeat(64) }
  await expect(download(remote({ sum: wrong }), path, quick)).rejects.toMatchObject({
    code: 'INVALID_DATA',
    message: `Expected sha256 ${'f'.repeat(64)} (the test) for ${server.address}/file but received "${sum.value}"`,
  })
  expect(await readdir(folder)).toEqual([])
})

test('an MD5 is verified too', async () => {
  const md5 = createHash('md5').update(content).digest('hex')
  await download(remote({ sum: { algorithm: 'md5', value: md5, from: '' } }), path, quick)
  const wrong = { algorithm: 'md5', value: md5.replace(/./, 'x'), from: '' } as const
  await expect(download(remote({ sum: wrong }), path, quick)).rejects.toThrow('Expected md5 x')
})

test('a server that has another size is not listened to', async () => {
  await expect(download(remote({ bytes: 4000 }), path, quick)).rejects.toThrow(
    `Expected 4000 bytes for ${server.address}/file but received 5000`,
  )
  expect(await readdir(folder)).toEqual([])
})

test('a server that always stops at the same place is given up; what came is kept', async () => {
  behave({ noRanges: true, cut: 700 })
  await expect(download(remote(), path, { ...quick, onBytes: server.onBytes })).rejects.toMatchObject({
    code: 'DEADLINE',
    message: expect.stringMatching(
      /^Expected 127\.0\.0\.1:\d+ to send .*\/file but it .*goes on from there$/,
    ),
  })
  expect(server.asked).toHaveLength(3)
  expect(await readFile(`${path}.part`)).toEqual(content.subarray(0, 700))
})

test('a body that ends early without a word of its length does not pass', async () => {
  behave({ noLength: true, cut: 4990 })
  const { onBytes } = server
  await expect(download(remote(), path, { ...quick, onBytes, tries: 1 })).rejects.toMatchObject({
    code: 'DEADLINE',
  })
})

test('a silent server is given up after the patience of the caller', async () => {
  behave({ pause: 100_000, noRanges: true })
  await expect(download(remote(), path, { ...quick, patience: 0.05, tries: 2 })).rejects.toThrow(
    'but it sent nothing for 0.05 s',
  )
})

test.each([
  [404, 'NOT_FOUND', 1],
  [403, 'NOT_FOUND', 1],
  [503, 'DEADLINE', 3],
  [429, 'DEADLINE', 3],
])('status %i is %s after %i tries', async (status, code, tries) => {
  behave({ status })
  await expect(download(remote(), path, quick)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(`status ${status}`),
  })
  expect(server.asked).toHaveLength(tries)
})

test('a host that cannot be reached is named', async () => {
  const gone = await serve({})
  await gone.close()
  await expect(download({ url: `${gone.address}/file` }, path, quick)).rejects.toThrow(
    /^Expected 127\.0\.0\.1:\d+ to send .*\(.*ECONNREFUSED/,
  )
  // Once: a name server that does not answer is waited for.
  await expect(
    download({ url: 'http://no-such-host.invalid/file' }, path, { ...quick, tries: 1 }),
  ).rejects.toThrow(/no-such-host\.invalid .*(ENOTFOUND|EAI_AGAIN)/)
})

test('a signal ends it with its reason and what came is kept', async () => {
  behave({ pause: 1 })
  const controller = new AbortController()
  const onBytes = (done: number) => done > 1000 && controller.abort(new Error('enough'))
  await expect(download(remote(), path, { ...quick, signal: controller.signal, onBytes })).rejects.toThrow(
    'enough',
  )
  const kept = await readFile(`${path}.part`)
  expect(kept.length).toBeGreaterThan(1000)
  expect(kept).toEqual(content.subarray(0, kept.length))
})

test('too small a disk is told before anything is fetched', async () => {
  vi.mocked(statfs).mockResolvedValueOnce({ bavail: 2, bsize: 1000 } as Awaited<ReturnType<typeof statfs>>)
  await expect(download(remote(), path, quick)).rejects.toThrow(
    `Expected 0.0 MB free for ${folder} but received "0.0 MB"`,
  )
  expect(await readdir(folder)).toEqual([])
})

test('what the disk takes in parts comes whole', async () => {
  const real = vi.mocked(open).getMockImplementation()!
  vi.mocked(open).mockImplementationOnce(async (...given) => {
    const handle = await real(...given)
    const write = handle.write.bind(handle)
    handle.write = ((bytes: Uint8Array, from = 0) =>
      write(bytes, from, Math.min(700, bytes.length - from))) as typeof write
    return handle
  })
  await download({ url: `${server.address}/file` }, path, quick)
  expect(await readFile(path)).toEqual(content)
})

test('a disk that fills up ends it at once', async () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
    code: 'ENOSPC',
    syscall: 'write',
  })
  const handle = { appendFile: () => Promise.reject(full), close: () => Promise.resolve() }
  vi.mocked(open).mockResolvedValueOnce(handle as unknown as Awaited<ReturnType<typeof open>>)
  await expect(download(remote(), path, quick)).rejects.toBe(full)
  expect(server.asked).toHaveLength(1)
})
