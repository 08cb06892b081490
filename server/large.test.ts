import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { emptyJpeg, gif, gifFrame, png, progressiveJpeg } from '../encoder/fixtures/made-images.js'
import { largePhoto } from './fixtures/hostile-photos.js'
import { isLarge } from './large.js'

const never = new AbortController().signal
const avif = await largePhoto()
const picture = Buffer.alloc(10)
const square = (side: number) => gif(side, side, [gifFrame(side, side)])

describe('isLarge', () => {
  it.each<[string, Buffer]>([
    ['a GIF of 25 megapixels, whose decoder is slow', square(5000)],
    ['a PNG of 64 megapixels', png({ width: 8000, height: 8000, colour: 2, picture })],
    ['a JPEG of 81 megapixels, which takes little memory', emptyJpeg(9000, 9000)],
    ['a JPEG of 7 megapixels in a hundred scans', progressiveJpeg(2600, 2600, 99)],
    ['an AVIF of 6 megapixels', avif],
    ['what is refused as it is', square(20_000)],
  ])('%s is', async (_what, photo) => expect(await isLarge(photo, never)).toBe(true))

  it.each<[string, Buffer]>([
    ['a GIF of 9 megapixels', square(3000)],
    ['a JPEG of 64 megapixels, as phones and cameras make them', emptyJpeg(9248, 6936)],
    ['a progressive JPEG of 12 megapixels', progressiveJpeg(4000, 3000, 9)],
    ['a photo', readFileSync(new URL('../examples/cat.jpg', import.meta.url))],
    ['what is no photo', Buffer.from('cat')],
    ['nothing', Buffer.alloc(0)],
  ])('%s is not', async (_what, photo) => expect(await isLarge(photo, never)).toBe(false))

  it('looks at nothing that nobody waits for', async () => {
    const gone = AbortSignal.abort(new Error('gone'))
    await expect(isLarge(square(5000), gone)).rejects.toThrow('gone')
  })
})
