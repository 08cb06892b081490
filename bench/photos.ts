import { copyFile, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
// biome-ignore lint/style/noRestrictedImports: the bench makes its own photos
import sharp from 'sharp'

/** Of sharp and the libraries in it. */
export const { sharp: SHARP, vips: VIPS } = sharp.versions

/** A folder of photos of one size. */
export interface Photos {
  readonly folder: string
  readonly width: number
  readonly height: number
  /** Paths, sorted. */
  readonly files: readonly string[]
  readonly averageBytes: number
}

const EXAMPLES = fileURLToPath(new URL('../examples', import.meta.url))
/** Deviation of the grain, in steps of a byte: enlarged photos are smoother, and their files smaller, than a camera's. */
const GRAIN = 16
const TILE = 256

/** Fills `root/WIDTHxHEIGHT` with `count` JPEGs: the example photos, cropped to the size, with a camera's grain. */
export async function makePhotos(
  root: string,
  size: { readonly width: number; readonly height: number; readonly count: number },
): Promise<Photos> {
  const { width, height, count } = size
  const folder = join(root, `${width}x${height}`)
  await mkdir(folder, { recursive: true })
  const noise = { type: 'gaussian', mean: 128, sigma: GRAIN } as const
  const grain = await sharp({
    create: { width: TILE, height: TILE, channels: 3, background: '#808080', noise },
  })
    .png()
    .toBuffer()
  const names = await examples()
  const path = (i: number): string =>
    join(folder, `${String(i).padStart(4, '0')}-${names[i % names.length]!}.jpg`)
  for (const [i, name] of names.entries())
    await sharp(join(EXAMPLES, `${name}.jpg`))
      .resize(width, height, { fit: 'cover' })
      .composite([{ input: grain, tile: true, blend: 'overlay' }])
      .jpeg({ quality: 90 })
      .toFile(path(i))
  for (let i = names.length; i < count; i++) await copyFile(path(i % names.length), path(i))
  const files = Array.from({ length: count }, (_, i) => path(i))
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size))
  return { folder, width, height, files, averageBytes: sizes.reduce((sum, bytes) => sum + bytes, 0) / count }
}

/**
 * Writes the example photos at the size the encoder takes, without loss: every program that reads them, with whatever
 * library, sees the same pixels.
 */
export async function makeSquares(root: string, size: number): Promise<readonly string[]> {
  const folder = join(root, `${size}x${size}`)
  await mkdir(folder, { recursive: true })
  return Promise.all(
    (await examples()).map(async (name) => {
      const file = join(folder, `${name}.png`)
      const image = sharp(join(EXAMPLES, `${name}.jpg`)).resize(size, size, { fit: 'fill', kernel: 'cubic' })
      await writeFile(file, await image.png().toBuffer())
      return file
    }),
  )
}

/** Names of the example photos without their ending, sorted. */
async function examples(): Promise<string[]> {
  const files = await readdir(EXAMPLES)
  return files.flatMap((file) => (file.endsWith('.jpg') ? [file.slice(0, -'.jpg'.length)] : [])).sort()
}
