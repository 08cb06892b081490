import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp, { type Sharp } from 'sharp'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { decodeImage, thumbnailOf } from './image.js'
import { type View, viewOf } from './view.js'

type Colour = readonly [number, number, number]
const RED: Colour = [220, 20, 20]
const GREEN: Colour = [20, 220, 20]
const BLUE: Colour = [20, 20, 220]
const YELLOW: Colour = [220, 220, 20]
const SIZE = 32
/** Lossy formats and the blending at borders move a value by a few steps. */
const STEPS = 12

/** Quarters of 32 × 32 pixels each: red and green above blue and yellow. */
const quarters = sharp(
  pixelsOf(64, 64, (x, y) => (y < 32 ? (x < 32 ? RED : GREEN) : x < 32 ? BLUE : YELLOW)),
  {
    raw: { width: 64, height: 64, channels: 3 },
  },
)
const QUARTERS = [RED, GREEN, BLUE, YELLOW]

describe('decodeImage', () => {
  it.each(['jpeg', 'png', 'webp', 'avif', 'gif'] as const)('reads %s', async (format) => {
    const options = { jpeg: { quality: 95, chromaSubsampling: '4:4:4' }, avif: { quality: 90 } } as const
    const image = await quarters
      .clone()
      .toFormat(format, format === 'jpeg' || format === 'avif' ? options[format] : {})
      .toBuffer()
    expectQuarters(await decodeImage(image, SIZE), QUARTERS)
  })

  it('takes a view: a part of the photo, upright before it is cut, mirrored or not', async () => {
    const [red, green, blue, yellow] = QUARTERS as [Colour, Colour, Colour, Colour]
    const seen = (view: View, image: Sharp) =>
      image
        .png()
        .toBuffer()
        .then((bytes) => decodeImage(bytes, SIZE, 'photo', undefined, view))
    const whole = { left: 0, top: 0, width: 1, height: 1 }
    expectQuarters(await seen({ ...whole, mirrored: true }, quarters.clone()), [green, red, yellow, blue])
    const lower = { ...whole, top: 0.5, height: 0.5 }
    expectQuarters(await seen({ ...lower, mirrored: false }, quarters.clone()), [blue, yellow, blue, yellow])
    // 6 says that the rows of the file are the columns of the photo, from the right.
    const lying = quarters.clone().withMetadata({ orientation: 6 })
    expectQuarters(await seen({ ...lower, mirrored: true }, lying), [green, yellow, green, yellow])
  })

  it('sees of a large photo, mirrored, the mirror image of what it sees otherwise', async () => {
    const image = await quarters.clone().resize(1000, 800).withMetadata({ orientation: 6 }).jpeg().toBuffer()
    const view = viewOf('photo', 1)
    const [plain, mirrored] = await Promise.all(
      [undefined, view].map((one) => decodeImage(image, SIZE, 'photo', undefined, one)),
    )
    const places = Array.from({ length: SIZE * SIZE }, (_, i) => [i % SIZE, Math.floor(i / SIZE)] as const)
    expect(places.map(([x, y]) => colourAt(mirrored!, x, y))).toEqual(
      places.map(([x, y]) => colourAt(plain!, SIZE - 1 - x, y)),
    )
  })

  it.each(['srgb', 'p3'])('reads more than 8 bits with the profile %s, alpha too', async (profile) => {
    const deep = quarters.clone().withIccProfile(profile)
    for (const image of [
      deep.clone().toColourspace('rgb16').png(),
      deep.clone().ensureAlpha().toColourspace('rgb16').png(),
      deep.clone().avif({ bitdepth: 10, quality: 90 }),
    ]) {
      const bytes = await image.toBuffer()
      expect(await sharp(bytes).metadata()).toMatchObject({ space: 'rgb16', hasProfile: true })
      expectQuarters(await decodeImage(bytes, SIZE), QUARTERS)
    }
  })

  it('shows a photo upright, in its own proportions, no larger than wanted', async () => {
    const path = join(temporaryFolder('image', onTestFinished), 'photo.jpg')
    // The file lies on its side: 6 says that its rows are the columns of the photo, from the right.
    const lying = quarters.clone().resize(256, 128, { fit: 'fill' }).withMetadata({ orientation: 6 })
    await writeFile(path, await lying.jpeg({ quality: 95, chromaSubsampling: '4:4:4' }).toBuffer())
    const small = await thumbnailOf(path, 160)
    expect([small.width, small.height]).toEqual([80, 160])
    const { format, width, height, orientation } = await sharp(small.jpeg).metadata()
    expect({ format, width, height, orientation }).toEqual({ format: 'jpeg', width: 80, height: 160 })
    expectQuarters(await decodeImage(small.jpeg, SIZE), [BLUE, RED, YELLOW, GREEN])
    expect(await thumbnailOf(path, 4000)).toMatchObject({ width: 128, height: 256 })
  })

  it('reads a path', async () => {
    const path = join(temporaryFolder('image', onTestFinished), 'photo.png')
    await writeFile(path, await quarters.clone().png().toBuffer())
    expectQuarters(await decodeImage(path, SIZE), QUARTERS)
  })

  // Where each quarter of the file belongs when the photo is held upright (Exif 2.3, section 4.6.4, tag 0x0112).
  it.each([
    [1, [RED, GREEN, BLUE, YELLOW]],
    [2, [GREEN, RED, YELLOW, BLUE]],
    [3, [YELLOW, BLUE, GREEN, RED]],
    [4, [BLUE, YELLOW, RED, GREEN]],
    [5, [RED, BLUE, GREEN, YELLOW]],
    [6, [BLUE, RED, YELLOW, GREEN]],
    [7, [YELLOW, GREEN, BLUE, RED]],
    [8, [GREEN, YELLOW, RED, BLUE]],
  ])('turns EXIF orientation %i upright', async (orientation, upright) => {
    const image = await quarters.clone().withMetadata({ orientation }).jpeg({ quality: 95 }).toBuffer()
    expectQuarters(await decodeImage(image, SIZE), upright)
  })

  it('squashes the whole image to the square', async () => {
    const wide = await quarters.clone().resize(200, 50, { fit: 'fill' }).png().toBuffer()
    expectQuarters(await decodeImage(wide, SIZE), QUARTERS)
  })

  it('lays transparent pixels on white', async () => {
    const clear = sharp({
      create: { width: 8, height: 8, channels: 4, background: { r: 200, g: 0, b: 0, alpha: 0 } },
    })
    expect(uniform(await decodeImage(await clear.png().toBuffer(), SIZE))).toEqual([255, 255, 255])
    const half = sharp({
      create: { width: 8, height: 8, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0.5 } },
    })
    const [value] = uniform(await decodeImage(await half.webp({ lossless: true }).toBuffer(), SIZE))
    expect(Math.abs(value - 127)).toBeLessThanOrEqual(2)
  })

  it('reads grey, with and without alpha, 8 and 16 bits deep', async () => {
    const grey = sharp(new Uint8Array(64).fill(90), { raw: { width: 8, height: 8, channels: 1 } })
    for (const image of [grey.clone().toColourspace('b-w').jpeg(), grey.clone().toColourspace('b-w').png()])
      expect(uniform(await decodeImage(await image.toBuffer(), SIZE))).toEqual([90, 90, 90])
    const both = sharp(
      new Uint8Array(128).map((_, i) => (i % 2 === 0 ? 90 : 0)),
      {
        raw: { width: 8, height: 8, channels: 2 },
      },
    )
    expect(uniform(await decodeImage(await both.png().toBuffer(), SIZE))).toEqual([255, 255, 255])
    const deep = await grey.clone().toColourspace('grey16').png().toBuffer()
    expect((await sharp(deep).metadata()).depth).toBe('ushort')
    const [value] = uniform(await decodeImage(deep, SIZE))
    expect(Math.abs(value - 90)).toBeLessThanOrEqual(1)
  })

  it('reads CMYK', async () => {
    const image = await sharp({ create: { width: 16, height: 16, channels: 3, background: '#d02020' } })
      .toColourspace('cmyk')
      .jpeg({ quality: 95 })
      .toBuffer()
    expect((await sharp(image).metadata()).space).toBe('cmyk')
    const [red, green, blue] = uniform(await decodeImage(image, SIZE))
    expect(red).toBeGreaterThan(150)
    expect(Math.max(green, blue)).toBeLessThan(80)
  })

  it('takes the first frame of an animation', async () => {
    const frames = [RED, GREEN, BLUE].flatMap((colour) => [...pixelsOf(8, 8, () => colour)])
    const image = await sharp(Uint8Array.from(frames), {
      raw: { width: 8, height: 24, channels: 3, pageHeight: 8 },
    })
      .gif()
      .toBuffer()
    expect((await sharp(image, { animated: true }).metadata()).pages).toBe(3)
    expect(near(uniform(await decodeImage(image, SIZE)), RED)).toBe(true)
  })
})

function pixelsOf(width: number, height: number, colourAt: (x: number, y: number) => Colour): Uint8Array {
  const pixels = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) pixels.set(colourAt(x, y), (y * width + x) * 3)
  return pixels
}

function colourAt(pixels: Uint8Array, x: number, y: number): Colour {
  const at = (y * SIZE + x) * 3
  return [pixels[at]!, pixels[at + 1]!, pixels[at + 2]!]
}

function near(a: Colour, b: Colour): boolean {
  return a.every((value, i) => Math.abs(value - b[i]!) <= STEPS)
}

/** Looks into the middle of each quarter. */
function expectQuarters(pixels: Uint8Array, colours: readonly Colour[]): void {
  expect(pixels).toHaveLength(SIZE * SIZE * 3)
  const found = [8, 24].flatMap((y) => [8, 24].map((x) => colourAt(pixels, x, y)))
  expect(found.map((colour) => QUARTERS.find((known) => near(colour, known)))).toEqual(colours)
}

/** The colour of an image of one colour. */
function uniform(pixels: Uint8Array): Colour {
  const first = colourAt(pixels, 0, 0)
  expect(near(colourAt(pixels, SIZE - 1, SIZE - 1), first)).toBe(true)
  return first
}
