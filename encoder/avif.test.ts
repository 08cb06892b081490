import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import { avifPixels as pixelsOf } from './avif.js'
import { grid, withAlpha } from './fixtures/heif.js'
import { box, u16, u32 } from './fixtures/made-images.js'

const made = (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: '#c86432' } })
    .avif({ effort: 0 })
    .toBuffer()

const avifPixels = (file: Buffer): number => pixelsOf(file, () => {})

let small: Buffer
let large: Buffer
beforeAll(async () => {
  small = await made(16, 16)
  large = await made(100, 80)
})

/** A file of nothing but what tells how its items hang together. */
function described(primary: number, sizes: readonly Buffer[], ...references: Buffer[]): Buffer {
  const owned = sizes.map((_, i) => Buffer.concat([u16(i + 1), Buffer.of(1, i + 1)]))
  return box(
    'meta',
    u32(0),
    box('pitm', u32(0), u16(primary)),
    box('iref', u32(0), ...references),
    box('iprp', box('ipco', ...sizes), box('ipma', u32(0), u32(sizes.length), ...owned)),
  )
}
const size = (width: number, height: number) => box('ispe', u32(0), u32(width), u32(height))
const parts = (from: number, ...to: number[]) => box('dimg', u16(from), u16(to.length), ...to.map(u16))

describe('avifPixels', () => {
  it('are those of the picture, with its alpha or without', async () => {
    expect(avifPixels(large)).toBe(8000)
    const clear = sharp({ create: { width: 30, height: 20, channels: 4, background: '#fff8' } })
    expect(avifPixels(await clear.avif({ effort: 0 }).toBuffer())).toBe(600)
  })

  it('are those of its parts where these are more', () => {
    expect(avifPixels(grid(small, 2, 32))).toBe(32 * 32)
    expect(avifPixels(grid(small, 3, 20))).toBe(9 * 16 * 16)
    expect(avifPixels(withAlpha(small, large))).toBe(8000)
    expect(avifPixels(withAlpha(large, small))).toBe(8000)
  })

  it('counts parts of parts as often as they are used, not those that are not', () => {
    const sizes = [size(1, 1), size(2, 2), size(10, 10), size(1000, 1000)]
    expect(avifPixels(described(1, sizes, parts(1, 2, 2), parts(2, 3, 3, 3)))).toBe(600)
    expect(avifPixels(described(3, sizes, parts(1, 4)))).toBe(100)
    // 40 grids of two each, one in the other.
    const nested = Array.from({ length: 40 }, (_, i) => parts(i + 1, i + 2, i + 2))
    expect(avifPixels(described(1, new Array<Buffer>(41).fill(size(1, 1)), ...nested))).toBe(2 ** 40)
  })

  it('reads the other widths of numbers that there are', () => {
    const file = box(
      'meta',
      u32(0),
      box('pitm', u32(2 ** 24), u32(70_000)),
      box('iref', u32(2 ** 24), box('dimg', u32(70_000), u16(1), u32(70_001))),
      box(
        'iprp',
        box('ipco', box('free'), size(5, 5), size(7, 7)),
        box(
          'ipma',
          u32(2 ** 24 + 1),
          u32(2),
          u32(70_000),
          Buffer.of(1, 0x80, 2),
          u32(70_001),
          Buffer.of(1, 0, 3),
        ),
      ),
    )
    expect(avifPixels(file)).toBe(49)
  })

  it('counts boxes, associations and references as it goes, so that a file without end is none', () => {
    const file = described(1, [size(1, 1), size(2, 2)], parts(1, 2, 2, 2))
    let blocks = 0
    pixelsOf(file, (more) => {
      blocks += more
    })
    // The three boxes of meta, dimg and its three, ipco and ipma twice, two sizes, two items with one each.
    expect(blocks).toBe(3 + 4 + 2 + 2 + 4)
    expect(() =>
      pixelsOf(file, (more) => {
        if (more > 2) throw new Error('too many')
      }),
    ).toThrow('too many')
  })

  it('is 0 without a picture, and refuses what is a part of itself, or cut off', () => {
    expect(avifPixels(box('ftyp', 'avif'))).toBe(0)
    expect(avifPixels(box('meta', u32(0)))).toBe(0)
    expect(() => avifPixels(described(1, [size(1, 1), size(1, 1)], parts(1, 2), parts(2, 1)))).toThrow(
      'a part of itself',
    )
    expect(() =>
      avifPixels(box('meta', u32(0), box('pitm', u32(0), u16(1)), box('iref', u32(0), box('dimg')))),
    ).toThrow('its boxes are cut off')
  })
})
