import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import sharp, { type Sharp } from 'sharp'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { DecodeMemory, decodeBytes, type Picture } from './decode-memory.js'
import { grid, withAlpha } from './fixtures/heif.js'
import { png, progressiveJpeg } from './fixtures/made-images.js'
import { checkStructure, type ImageFormat } from './structure.js'

const SIZE = 260

const folder = temporaryFolder('memory')

/** A picture of one colour, half transparent where it has four channels. */
function flat(width: number, height: number, channels: 3 | 4 = 3): Sharp {
  const background = { r: 200, g: 100, b: 50, alpha: 0.5 }
  return sharp({ create: { width, height, channels, background }, limitInputPixels: false })
}

const picture: Picture = {
  format: 'jpeg',
  width: 4000,
  height: 3000,
  channels: 3,
  depth: 1,
  isProgressive: false,
}
const MB = 2 ** 20

describe('decodeBytes', () => {
  it('is small for the photos people have', () => {
    expect(decodeBytes(picture, SIZE)).toBeLessThan(4 * MB)
    expect(decodeBytes({ ...picture, format: 'png' }, SIZE)).toBeLessThan(48 * MB)
    expect(decodeBytes({ ...picture, format: 'webp' }, SIZE)).toBeLessThan(64 * MB)
  })

  it('is no less than the pixels, where they have to be there at once', () => {
    const pixels = picture.width * picture.height
    expect(decodeBytes({ ...picture, isProgressive: true }, SIZE)).toBeGreaterThan(6 * pixels)
    expect(decodeBytes({ ...picture, format: 'png', isProgressive: true, depth: 2 }, SIZE)).toBeGreaterThan(
      6 * pixels,
    )
    // One row can be all of the picture.
    const flat = { ...picture, format: 'png', width: pixels, height: 1 } as const
    expect(decodeBytes(flat, SIZE)).toBeGreaterThan(3 * pixels)
  })

  it.each<[string, () => Promise<Buffer> | Buffer, isCut?: boolean]>([
    ['progressive JPEG', () => progressiveJpeg(6000, 5000, 1)],
    ['wide JPEG', () => flat(60_000, 400).jpeg().toBuffer()],
    ['wide PNG', () => png({ width: 500_000, height: 40, colour: 2 })],
    [
      'interlaced PNG',
      () => flat(3000, 3000, 4).toColourspace('rgb16').png({ progressive: true }).toBuffer(),
    ],
    ['WebP', () => flat(5000, 4000, 4).webp({ lossless: true, effort: 0 }).toBuffer()],
    ['GIF', () => flat(4000, 4000).gif({ effort: 1 }).toBuffer()],
    ['AVIF', () => flat(3000, 3000).avif({ effort: 0, quality: 30 }).toBuffer()],
    ['AVIF of tiles', async () => grid(await flat(1024, 1024).avif({ effort: 0 }).toBuffer(), 3, 3072)],
    [
      'AVIF of one large tile',
      async () => grid(await flat(3000, 3000).avif({ effort: 0 }).toBuffer(), 1, 64),
    ],
    [
      'AVIF with a large alpha',
      async () =>
        withAlpha(
          await flat(64, 64).avif({ effort: 0 }).toBuffer(),
          await flat(3000, 3000).avif({ effort: 0 }).toBuffer(),
        ),
    ],
    ['AVIF of 12 bits', () => flat(2500, 2500, 4).avif({ effort: 0, quality: 30, bitdepth: 12 }).toBuffer()],
    ['JPEG of which a part is cut', () => flat(8000, 7000).jpeg().toBuffer(), true],
    [
      'JPEG that lies on its side and is cut',
      () => flat(1500, 16_000).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
      true,
    ],
    [
      'WebP that lies on its side and is cut',
      () => flat(1500, 16_000).withMetadata({ orientation: 6 }).webp({ effort: 0 }).toBuffer(),
      true,
    ],
  ])('is no less than what a %s takes', async (_what, make, isCut = false) => {
    const file = await make()
    const { format, width, height, channels, depth, isProgressive, orientation } =
      await sharp(file).metadata()
    const found = await checkStructure(file, format as ImageFormat)
    const head = { format: format as ImageFormat, width, height, channels, isProgressive, orientation, isCut }
    const estimate = decodeBytes({ ...head, depth: depth === 'uchar' ? 1 : 2, ...found }, SIZE)
    const path = join(folder, 'photo')
    await writeFile(path, file)
    expect(await memoryFor(path, isCut)).toBeLessThan(estimate + 8 * MB)
  })
})

/** Bytes by which the largest memory of a process of its own grows when it decodes a file after a small one. */
async function memoryFor(path: string, isCut: boolean): Promise<number> {
  const view = isCut ? { left: 0.1, top: 0.1, width: 0.8, height: 0.8, mirrored: true } : null
  const code = `
    const { decodeImage } = await import('./encoder/image.ts')
    const { mostResident } = await import('./resident.ts')
    await decodeImage('examples/cat.jpg', ${SIZE})
    const before = mostResident()
    const view = ${JSON.stringify(view)} ?? undefined
    await decodeImage(process.argv[1], ${SIZE}, undefined, undefined, view)
    process.stdout.write(String(mostResident() - before))`
  const args = ['--import', 'tsx', '--input-type=module', '--eval', code, path]
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  return Number((await promisify(execFile)(process.execPath, args, { cwd })).stdout)
}

describe('DecodeMemory', () => {
  /** A memory, and what is under way in it, which ends on demand. */
  function started(bytes: number, sizes: readonly number[]) {
    const memory = new DecodeMemory(bytes)
    const running = new Map<number, () => void>()
    const works = sizes.map((size, i) =>
      memory.use(size, () => new Promise<void>((resolve) => running.set(i, resolve))),
    )
    const end = async (i: number): Promise<void> => {
      running.get(i)!()
      running.delete(i)
      await works[i]
      await new Promise(setImmediate)
    }
    return { running: () => [...running.keys()], end, works }
  }

  it('lets work wait until there is room, in order', async () => {
    const { running, end } = started(10, [4, 4, 4, 10, 1])
    await new Promise(setImmediate)
    expect(running()).toEqual([0, 1])
    await end(0)
    expect(running()).toEqual([1, 2])
    await end(1)
    // The fourth needs everything; the fifth, which would fit, comes after it.
    expect(running()).toEqual([2])
    await end(2)
    expect(running()).toEqual([3])
    await end(3)
    expect(running()).toEqual([4])
    await end(4)
  })

  it('gives back the room of work that failed', async () => {
    const memory = new DecodeMemory(1)
    await expect(memory.use(1, () => Promise.reject(new Error('damaged')))).rejects.toThrow('damaged')
    expect(await memory.use(1, async () => 'next')).toBe('next')
  })

  it('refuses what will never fit', async () => {
    const memory = new DecodeMemory(10)
    await expect(memory.use(11, async () => {})).rejects.toThrow(RangeError)
    expect(await memory.use(10, async () => 'all')).toBe('all')
  })
})
