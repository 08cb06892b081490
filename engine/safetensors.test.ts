import { readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { fromFloat16, readSafetensors, readWhole, toFloat16, writeSafetensors } from './safetensors.js'

const folder = temporaryFolder('safetensors')

/** A file byte by byte as the format describes it, so that the reader is not tested with our writer. */
async function handMade(header: unknown, data: readonly number[]): Promise<string> {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  const path = join(folder, 'hand-made.safetensors')
  await writeFile(path, Buffer.concat([length, text, Buffer.from(data)]))
  return path
}

const entry = (dtype: string, shape: number[], begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})

describe('readSafetensors', () => {
  it('reads every type from bytes written by hand', async () => {
    const path = await handMade(
      {
        __metadata__: { made: 'by hand' },
        double: entry('F64', [1], 0, 8),
        single: entry('F32', [2, 1], 8, 16),
        half: entry('F16', [2], 16, 20),
        brain: entry('BF16', [1], 20, 22),
        byte: entry('U8', [2], 22, 24),
      },
      [
        ...[0, 0, 0, 0, 0, 0, 0xf8, 0x3f], // 1.5
        ...[0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0], // 1, -2
        ...[0x00, 0x3c, 0x00, 0xb8], // 1, -0.5
        ...[0x40, 0xc0], // -3
        ...[7, 255],
      ],
    )
    const file = await readSafetensors(path)
    expect(file.metadata).toEqual({ made: 'by hand' })
    expect(file.float32('double')).toEqual({ shape: [1], data: new Float32Array([1.5]) })
    expect(file.float32('single')).toEqual({ shape: [2, 1], data: new Float32Array([1, -2]) })
    expect(file.float32('half')).toEqual({ shape: [2], data: new Float32Array([1, -0.5]) })
    expect(file.float32('brain')).toEqual({ shape: [1], data: new Float32Array([-3]) })
    expect([...file.raw('byte')]).toEqual([7, 255])
    const { offset, length } = file.entry('byte')
    expect([...(await readFile(path)).subarray(offset, offset + length)]).toEqual([7, 255])
    expect(() => file.float32('byte')).toThrow('Expected floating-point values for byte in')
    expect(() => file.entry('bite')).toThrow(
      /Expected a tensor bite in .*hand-made\.safetensors but it has none/,
    )
  })

  it.each([
    ['not JSON', '{', [], 'its header is not a JSON object'],
    ['a list', [], [], 'its header is not a JSON object'],
    ['metadata that are no words', { __metadata__: { a: 1 } }, [], 'its metadata are not words'],
    ['an unknown type', { a: entry('C64', [1], 0, 8) }, [], 'the entry of a is malformed'],
    ['a negative size', { a: entry('U8', [-1], 0, 1) }, [0], 'the entry of a is malformed'],
    ['a size that is no integer', { a: entry('U8', [1.5], 0, 1) }, [0], 'the entry of a is malformed'],
    [
      'too few bytes for a shape',
      { a: entry('F32', [2], 0, 4) },
      [0, 0, 0, 0],
      'a has 4 bytes where its shape needs 8',
    ],
    ['an offset behind the end', { a: entry('U8', [2], 0, 2) }, [0], 'it ends inside a'],
    [
      'an overlap',
      { a: entry('U8', [2], 0, 2), b: entry('U8', [2], 1, 3) },
      [0, 0, 0],
      /b starts at byte \d+ where the tensor before it ends at \d+/,
    ],
    ['a gap', { a: entry('U8', [1], 1, 2) }, [0, 0], /a starts at byte \d+ where/],
    ['bytes at the end', { a: entry('U8', [1], 0, 1) }, [0, 0], '1 bytes follow the last tensor'],
  ])('refuses %s', async (_, header, data, message) => {
    const error = await readSafetensors(await handMade(header, data)).catch((e: unknown) => e)
    expect(error).toMatchObject({ code: 'INVALID_BUNDLE' })
    expect((error as Error).message).toMatch(message)
    expect((error as Error).message).toContain('hand-made.safetensors')
  })

  it('refuses files shorter than their header', async () => {
    const path = join(folder, 'short.safetensors')
    await writeFile(path, Buffer.from([1, 2]))
    await expect(readSafetensors(path)).rejects.toThrow('it has 2 bytes')
    await writeFile(path, Buffer.alloc(8, 0xff))
    await expect(readSafetensors(path)).rejects.toThrow('it ends inside its header')
    await expect(readSafetensors(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
    // What is there and cannot be read is not none.
    await expect(readSafetensors(folder)).rejects.toMatchObject({ code: 'INVALID_BUNDLE' })
  })
})

describe('readWhole', () => {
  const path = () => join(folder, 'whole')
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) % 251)

  it.each([1, 3, 250, 999, 1000, 1001])('reads a file by %i bytes at a time', async (most) => {
    await writeFile(path(), bytes)
    expect(await readWhole(path(), most)).toEqual(bytes)
  })

  it('reads a file without any', async () => {
    await writeFile(path(), '')
    expect(await readWhole(path())).toEqual(new Uint8Array(0))
  })

  it('ends where a file is cut off while it is read', async () => {
    await writeFile(path(), bytes)
    const reading = readWhole(path(), 1)
    await truncate(path(), 0)
    const read = await reading
    expect(read).toEqual(bytes.subarray(0, read.length))
    expect(read.length).toBeLessThan(bytes.length)
  })
})

describe('writeSafetensors', () => {
  it('writes what the reader reads, values aligned to their width, nothing left over', async () => {
    const path = join(folder, 'written.safetensors')
    await writeSafetensors(
      path,
      [
        { name: 'odd', type: 'U8', shape: [3], data: new Uint8Array([1, 2, 3]) },
        { name: 'grün', type: 'F32', shape: [2, 2], data: new Float32Array([1, 2, 3, 4]) },
        { name: 'none', type: 'F32', shape: [0, 4], data: new Float32Array(0) },
        { name: 'half', type: 'F16', shape: [], data: toFloat16(new Float32Array([0.25])) },
        { name: 'view', type: 'I32', shape: [1], data: new Int32Array([7, -8]).subarray(1) },
      ],
      { note: 'ö' },
    )
    const file = await readSafetensors(path)
    expect(file.metadata).toEqual({ note: 'ö' })
    expect([...file.raw('odd')]).toEqual([1, 2, 3])
    expect(file.float32('grün')).toEqual({ shape: [2, 2], data: new Float32Array([1, 2, 3, 4]) })
    expect(file.float32('none')).toEqual({ shape: [0, 4], data: new Float32Array(0) })
    expect(file.float32('half')).toEqual({ shape: [], data: new Float32Array([0.25]) })
    expect(new Int32Array(file.raw('view').slice().buffer)).toEqual(new Int32Array([-8]))
    for (const [name, { type, offset }] of file.entries)
      expect(offset % { F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, BF16: 2, U8: 1 }[type], name).toBe(0)
    expect((await readdir(folder)).filter((name) => name.endsWith('.part'))).toEqual([])
  })

  it('refuses data that do not fill their shape, and leaves the old file alone', async () => {
    const path = join(folder, 'kept.safetensors')
    await writeSafetensors(path, [{ name: 'a', type: 'U8', shape: [1], data: new Uint8Array([9]) }])
    await expect(
      writeSafetensors(path, [{ name: 'a', type: 'F32', shape: [3], data: new Float32Array(2) }]),
    ).rejects.toThrow('Expected 12 bytes for a but received 8')
    expect([...(await readSafetensors(path)).raw('a')]).toEqual([9])
  })
})

describe('float16', () => {
  /** Every finite half of one sign, rising: bit pattern is index. */
  const halves = Array.from({ length: 0x7c00 }, (_, bits) => {
    const exponent = bits >> 10
    const fraction = bits & 1023
    return exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25)
  })

  it('keeps all 65,536 bit patterns', () => {
    const bits = Uint16Array.from({ length: 0x10000 }, (_, i) => i)
    const values = fromFloat16(bits)
    halves.forEach((half, i) => {
      if (values[i] !== half || values[0x8000 + i] !== -half) expect.fail(`pattern ${i}`)
    })
    const back = toFloat16(values)
    // All NaN become one.
    bits.forEach((pattern, i) => {
      if (!Number.isNaN(values[i]) && back[i] !== pattern) expect.fail(`pattern ${pattern}`)
      if (Number.isNaN(values[i]) && (back[i]! & 0x7fff) !== 0x7e00) expect.fail(`NaN ${pattern}`)
    })
  })

  it('rounds halfway cases to even and everything else to the nearest', () => {
    const below = new Float32Array(1)
    for (let i = 0; i < 0x7bff; i++) {
      const middle = (halves[i]! + halves[i + 1]!) / 2
      // The float32 neighbours of the middle, which is itself a float32.
      below[0] = middle
      const bits = new Uint32Array(below.buffer)[0]!
      const around = new Float32Array(new Uint32Array([bits - 1, bits, bits + 1]).buffer)
      expect([...toFloat16(around)]).toEqual([i, i + (i & 1), i + 1])
    }
  })

  it('becomes infinite from 65,520 on', () => {
    const values = new Float32Array([65519.996, 65520, -1e10, Number.POSITIVE_INFINITY, -0])
    expect([...toFloat16(values)]).toEqual([0x7bff, 0x7c00, 0xfc00, 0x7c00, 0x8000])
  })

  it('errs by at most half a unit in the last place', () => {
    fc.assert(
      fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
        const [near] = fromFloat16(toFloat16(new Float32Array([value])))
        const unit = Math.max(2 ** -24, 2 ** (Math.floor(Math.log2(Math.abs(value) || 1)) - 10))
        expect(Math.abs(near! - value)).toBeLessThanOrEqual(unit / 2)
      }),
    )
  })
})
