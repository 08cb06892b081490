import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Blocks, joined } from './blocks.js'

const BLOCK = 64 * 1024

/** What comes out where these pieces come in, and how many bytes it was told of. */
async function passed(pieces: readonly Buffer[]): Promise<{ blocks: Buffer[]; told: number }> {
  let told = 0
  const blocks: Buffer[] = []
  const through = new Blocks('the body', (bytes) => {
    told += bytes
  })
  await pipeline(Readable.from(pieces), through, async (out: AsyncIterable<Buffer>) => {
    for await (const block of out) blocks.push(block)
  })
  return { blocks, told }
}

describe('Blocks', () => {
  it('hand on every byte in its place, and tell of each', async () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.integer({ min: 0, max: 3 * BLOCK }).map((length) => new Uint8Array(length).fill(length)),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (arrays) => {
        const pieces = arrays.map((array) => Buffer.from(array))
        const { blocks, told } = await passed(pieces)
        const all = Buffer.concat(pieces)
        expect(Buffer.concat(blocks).equals(all)).toBe(true)
        expect(told).toBe(all.length)
      }),
    )
  })

  it('make few of many', async () => {
    const { blocks } = await passed(new Array(9000).fill(Buffer.alloc(100, 'x')))
    expect(blocks).toHaveLength(Math.ceil((9000 * 100) / (BLOCK - (BLOCK % 100))))
  })

  it('take no more pieces than their bytes are worth', async () => {
    const sent = (count: number, size: number) => passed(new Array(count).fill(Buffer.alloc(size, 'x')))
    expect((await sent(10_000, 1)).told).toBe(10_000)
    expect((await sent(20_000, 64)).told).toBe(20_000 * 64)
    await expect(sent(10_200, 1)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'Expected larger pieces for the body but received "10159 of 10159 bytes together"',
    })
  })
})

describe('joined', () => {
  it('gives everything in one', async () => {
    expect(String(await joined(Readable.from([Buffer.from('a'), Buffer.from('bc')])))).toBe('abc')
  })
})
