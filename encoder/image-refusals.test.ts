import { execFile } from 'node:child_process'
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import sharp, { type Sharp } from 'sharp'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { DecodeMemory } from './decode-memory.js'
import { grid, heic } from './fixtures/heif.js'
import { progressiveJpeg } from './fixtures/made-images.js'
import { DEFAULT_IMAGE_LIMITS, decodeImage } from './image.js'

const SIZE = 32

describe('decodeImage, given what it cannot take,', () => {
  it('names a truncated photo', async () => {
    const image = await noise().jpeg().toBuffer()
    const cut = image.subarray(0, image.length / 2)
    await expect(decodeImage(cut, SIZE, 'holiday.jpg')).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      where: 'holiday.jpg',
      message: expect.stringContaining('Expected a whole image in holiday.jpg'),
    })
    await expect(decodeImage(image, SIZE, 'holiday.jpg')).resolves.toHaveLength(SIZE * SIZE * 3)
  })

  it.each([
    ['a number', 3],
    ['an object', { path: 'cat.jpg' }],
    ['nothing', undefined],
  ])('refuses %s, which JavaScript may give it', async (_what, image) => {
    await expect(decodeImage(image as never, SIZE, 'photo 1')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      where: 'photo 1',
      message: expect.stringContaining('Expected a path, a URL of a file or bytes for photo 1 but received'),
    })
  })

  it('refuses more pixels than the limit before decoding', async () => {
    const image = await noise().png().toBuffer()
    const limit = { ...DEFAULT_IMAGE_LIMITS, pixels: 256 * 256 - 1 }
    await expect(decodeImage(image, SIZE, 'large.png', limit)).rejects.toMatchObject({
      code: 'IMAGE_TOO_LARGE',
      message: 'Expected at most 65535 pixels in large.png but received 256 × 256',
    })
    await expect(
      decodeImage(image, SIZE, 'large.png', { ...limit, pixels: 256 * 256 }),
    ).resolves.toBeInstanceOf(Uint8Array)
  })

  it('takes what a phone of 108 megapixels makes, and no bomb', async () => {
    const phone = progressiveJpeg(12_000, 9000, 1)
    await expect(decodeImage(phone, SIZE)).resolves.toHaveLength(SIZE * SIZE * 3)
    const bomb = progressiveJpeg(16_000, 16_000, 1)
    await expect(decodeImage(bomb, SIZE, 'bomb.jpg')).rejects.toMatchObject({
      code: 'IMAGE_TOO_LARGE',
      message: 'Expected at most 250000000 pixels in bomb.jpg but received 16000 × 16000',
    })
  })

  it('counts the pixels of a JPEG of many scans for as many more', async () => {
    const limits = { ...DEFAULT_IMAGE_LIMITS, pixels: 100_000_000 }
    await expect(
      decodeImage(progressiveJpeg(10_000, 10_000, 99), SIZE, 'bomb.jpg', limits),
    ).rejects.toMatchObject({
      code: 'IMAGE_TOO_LARGE',
      message:
        'Expected at most 100000000 pixels in bomb.jpg but received 10000 × 10000 in 100 scans, as much as 1000000000',
    })
    // A small one is a matter of milliseconds, and one of ten scans what programs write.
    for (const image of [progressiveJpeg(1000, 1000, 99), progressiveJpeg(10_000, 10_000, 9)])
      await expect(decodeImage(image, SIZE, 'a.jpg', limits)).resolves.toHaveLength(SIZE * SIZE * 3)
  })

  it.each([
    [
      'SVG',
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
    ],
    ['text', 'This is a shopping list, not a photo.'],
    ['PDF', '%PDF-1.4\n1 0 obj\n<< >>\nendobj\n'],
  ])('refuses %s, whatever it is called', async (_, content) => {
    await expect(decodeImage(Buffer.from(content), SIZE, 'photo.jpg')).rejects.toMatchObject({
      code: 'UNSUPPORTED_IMAGE',
      where: 'photo.jpg',
    })
  })

  it('refuses a photo that takes more memory than there is, before decoding', async () => {
    const limits = { ...DEFAULT_IMAGE_LIMITS, memory: new DecodeMemory(2 ** 20) }
    const bomb = progressiveJpeg(8000, 8000, 1)
    await expect(decodeImage(bomb, SIZE, 'bomb.jpg', limits)).rejects.toMatchObject({
      code: 'IMAGE_TOO_LARGE',
      where: 'bomb.jpg',
      message: expect.stringContaining('Expected at most 1048576 bytes to decode bomb.jpg but it takes'),
    })
    await expect(decodeImage(await noise().jpeg().toBuffer(), SIZE, 'a.jpg', limits)).resolves.toHaveLength(
      SIZE * SIZE * 3,
    )
  })

  it('refuses an AVIF for the size of what it is put together from', async () => {
    const tile = await noise().avif({ effort: 0 }).toBuffer()
    await expect(decodeImage(grid(tile, 2, 64), SIZE)).resolves.toHaveLength(SIZE * SIZE * 3)
    const limits = { ...DEFAULT_IMAGE_LIMITS, pixels: 4 * 256 * 256 - 1 }
    await expect(decodeImage(grid(tile, 2, 64), SIZE, 'tiles.avif', limits)).rejects.toMatchObject({
      code: 'IMAGE_TOO_LARGE',
      message: 'Expected at most 262143 pixels in tiles.avif but received 262144',
    })
  })

  it('refuses what never ends, and what is something else too', async () => {
    await expect(decodeImage(progressiveJpeg(64, 64, 200), SIZE, 'scans.jpg')).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      message: 'Expected a whole image in scans.jpg but decoding failed: it has more than 100 scans',
    })
    const image = await noise().jpeg().toBuffer()
    const archive = Buffer.concat([Buffer.from('PK\x05\x06', 'latin1'), Buffer.alloc(18)])
    await expect(decodeImage(Buffer.concat([image, archive]), SIZE, 'both.jpg')).rejects.toMatchObject({
      code: 'UNSUPPORTED_IMAGE',
      message: 'Expected an image and nothing else for both.jpg but received "a ZIP archive"',
    })
    await expect(decodeImage(image, SIZE)).resolves.toHaveLength(SIZE * SIZE * 3)
  })

  it('reads no more than the head of a file that is no photo', async () => {
    const path = join(temporaryFolder('image', onTestFinished), 'film.jpg')
    await writeFile(path, 'no photo')
    // More than a Node buffer can hold: reading it would fail in another way.
    await truncate(path, 2 ** 34)
    await expect(decodeImage(path, SIZE)).rejects.toMatchObject({ code: 'UNSUPPORTED_IMAGE', where: path })
  })

  it('refuses an empty file', async () => {
    await expect(decodeImage(new Uint8Array(), SIZE, 'photo.jpg')).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      where: 'photo.jpg',
    })
  })

  it('refuses HEIC by name', async () => {
    await expect(decodeImage(heic(), SIZE, 'IMG_0001.HEIC')).rejects.toMatchObject({
      code: 'UNSUPPORTED_IMAGE',
      where: 'IMG_0001.HEIC',
      message: expect.stringContaining('HEIC (hevc), for which this build has no decoder'),
    })
  })

  it('takes every other loader from sharp, on demand', async () => {
    // In a process of its own: it is for good.
    const code = `
      const { default: sharp } = await import('sharp')
      const { blockOtherLoaders } = await import('./encoder/image.ts')
      const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
      const photo = sharp({ create: { width: 9, height: 9, channels: 3, background: '#fff' } })
      const files = { svg }
      for (const format of ['tiff', 'jpeg', 'png', 'webp', 'gif', 'avif'])
        files[format] = await photo.clone().toFormat(format).toBuffer()
      const read = async () => {
        const opened = []
        for (const [format, file] of Object.entries(files))
          await sharp(file).raw().toBuffer().then(() => opened.push(format), () => {})
        return opened.join(' ')
      }
      const before = await read()
      blockOtherLoaders()
      console.log(before + '; ' + await read())`
    const args = ['--import', 'tsx', '--input-type=module', '--eval', code]
    const cwd = fileURLToPath(new URL('..', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd })
    expect(stdout.trim()).toBe('svg tiff jpeg png webp gif avif; jpeg png webp gif avif')
  })

  it('says that a file is missing', async () => {
    await expect(decodeImage('no-such-folder/no.jpg', SIZE)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      where: 'no-such-folder/no.jpg',
    })
  })
})

/** 256 × 256 pixels that compress badly. */
function noise(): Sharp {
  return sharp({
    create: {
      width: 256,
      height: 256,
      channels: 3,
      noise: { type: 'gaussian', mean: 128, sigma: 30 },
      background: '#000',
    },
  })
}
