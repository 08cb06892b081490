/**
 * `npm run bench:service -- [FOLDER] [--only load,overload] [--seconds 20] [--soak 50000]`: the compiled service under
 * load, with the photos of a folder or 200 of 640 × 480 made from the examples. A Markdown table a part, see
 * `service-parts.ts`; `--soak` is a number of requests. Linux only.
 */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { shippedBundle } from '../engine/shipped.js'
import { folderRate, startUp } from './measure.js'
import { makePhotos, makeSquares, type Photos } from './photos.js'
import { CAPTIONS, turns } from './service-clients.js'
import { PARTS } from './service-parts.js'

const NAMES = Object.keys(PARTS).join()
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: NAMES },
    seconds: { type: 'string', default: '20' },
    soak: { type: 'string', default: '50000' },
  },
})
const names = values.only.split(',')
const unknown = names.filter((name) => !(name in PARTS))
if (unknown.length > 0) throw new Error(`Expected some of ${NAMES} for --only but received ${unknown}`)

const scratch = await mkdtemp(join(tmpdir(), 'showtell-bench-'))
try {
  const [given] = positionals
  const photos =
    given === undefined
      ? await makePhotos(scratch, { width: 640, height: 480, count: 200 })
      : await photosOf(given)
  const images = await Promise.all(photos.files.map((file) => readFile(file)))
  const squares = await makeSquares(scratch, 224)
  const setting = {
    raw: { path: CAPTIONS, headers: { 'Content-Type': 'image/jpeg' }, body: turns(images) },
    png: turns(await Promise.all(squares.map((file) => readFile(file)))),
    seconds: Number(values.seconds),
    requests: Number(values.soak),
    scratch,
    captionRate: once(() => captionRate(photos)),
  }
  say(`${cpus()[0]?.model}, ${availableParallelism()} cores, Node ${process.version}`)
  say(`${images.length} photos of ${(photos.averageBytes / 1000).toFixed(0)} kB on average`)
  for (const name of names) say(`\n## ${name}\n\n${await PARTS[name as keyof typeof PARTS](setting)}`)
} finally {
  await rm(scratch, { recursive: true, force: true })
}

/** Photos a second of `showtell caption` with what the service has by default. */
async function captionRate(photos: Photos): Promise<number> {
  const bundle = shippedBundle()
  const start = await startUp(bundle, photos.files[0]!, 3)
  return (await folderRate(bundle, photos, 3, start)).photosPerSecond
}

/** The photos of a folder, of whatever sizes. */
async function photosOf(folder: string): Promise<Photos> {
  const names = (await readdir(folder)).filter((name) => /\.jpe?g$/i.test(name)).sort()
  const files = names.map((name) => join(folder, name))
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size))
  const averageBytes = sizes.reduce((sum, size) => sum + size, 0) / files.length
  return { folder, files, width: 0, height: 0, averageBytes }
}

function once<R>(work: () => Promise<R>): () => Promise<R> {
  let result: Promise<R> | undefined
  return () => {
    result ??= work()
    return result
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
