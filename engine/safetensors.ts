import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { z } from 'zod'
import { expected, messageOf, ShowtellError } from '../errors.js'
import type { Parameter } from './ops.js'

/** Bytes an element takes, by safetensors' names of types. */
const WIDTHS = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, U8: 1 } as const
export type SafetensorsType = keyof typeof WIDTHS

export interface SafetensorsEntry {
  readonly type: SafetensorsType
  readonly shape: readonly number[]
  /** From the start of the file, bytes. */
  readonly offset: number
  readonly length: number
}

const entrySchema = z.object({
  dtype: z.enum(Object.keys(WIDTHS) as [SafetensorsType, ...SafetensorsType[]]),
  shape: z.array(z.int().min(0)),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
})

/** A safetensors file in memory: eight bytes of header length, a JSON header, raw little-endian values. */
export class SafetensorsFile {
  constructor(
    readonly path: string,
    readonly entries: ReadonlyMap<string, SafetensorsEntry>,
    readonly metadata: Readonly<Record<string, string>>,
    private readonly bytes: Uint8Array,
  ) {}

  /** @throws ShowtellError INVALID_BUNDLE naming the file and the tensor it lacks. */
  entry(name: string): SafetensorsEntry {
    const entry = this.entries.get(name)
    if (entry === undefined)
      throw new ShowtellError('INVALID_BUNDLE', `Expected a tensor ${name} in ${this.path} but it has none`, {
        where: name,
      })
    return entry
  }

  /** @throws ShowtellError INVALID_BUNDLE naming a tensor that is missing or of another shape. */
  expectShapes(parameters: readonly Pick<Parameter, 'name' | 'shape'>[]): void {
    for (const { name, shape } of parameters) {
      const found = this.entry(name).shape
      if (String(found) !== String(shape))
        throw expected(`shape [${shape}]`, `${name} in ${this.path}`, found, 'INVALID_BUNDLE')
    }
  }

  /** The raw bytes of a tensor, a view. */
  raw(name: string): Uint8Array {
    const { offset, length } = this.entry(name)
    return this.bytes.subarray(offset, offset + length)
  }

  /** The values of a floating-point tensor, a copy. */
  float32(name: string): { shape: readonly number[]; data: Float32Array } {
    const { type, shape } = this.entry(name)
    const { buffer } = this.raw(name).slice()
    if (type === 'F32') return { shape, data: new Float32Array(buffer) }
    if (type === 'F16') return { shape, data: fromFloat16(new Uint16Array(buffer)) }
    // The upper half of a float32.
    if (type === 'BF16')
      return {
        shape,
        data: new Float32Array(Uint32Array.from(new Uint16Array(buffer), (b) => b << 16).buffer),
      }
    if (type === 'F64') return { shape, data: Float32Array.from(new Float64Array(buffer)) }
    throw expected('floating-point values', `${name} in ${this.path}`, type, 'INVALID_BUNDLE')
  }
}

/** @throws ShowtellError NOT_FOUND, or INVALID_BUNDLE saying what is wrong with which tensor of the file. */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  let bytes: Uint8Array
  try {
    bytes = await readWhole(path)
  } catch (cause) {
    // One that is there and cannot be read is not none: who writes where none is would write over it.
    const code = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'NOT_FOUND' : 'INVALID_BUNDLE'
    throw new ShowtellError(code, `Expected a safetensors file at ${path} but ${messageOf(cause)}`, {
      where: path,
      cause,
    })
  }
  const broken = (what: string): ShowtellError =>
    new ShowtellError('INVALID_BUNDLE', `Expected a safetensors file in ${path} but ${what}`, { where: path })
  if (bytes.length < 8) throw broken(`it has ${bytes.length} bytes`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const headerLength = Number(view.getBigUint64(0, true))
  if (headerLength > bytes.length - 8) throw broken('it ends inside its header')
  let header: Record<string, unknown>
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + headerLength))
    header = z.record(z.string(), z.unknown()).parse(JSON.parse(text))
  } catch {
    throw broken('its header is not a JSON object')
  }
  const { __metadata__: notes, ...tensors } = header
  const metadata = z.record(z.string(), z.string()).optional().safeParse(notes)
  if (!metadata.success) throw broken('its metadata are not words')
  const entries = new Map<string, SafetensorsEntry>()
  for (const [name, value] of Object.entries(tensors)) {
    const parsed = entrySchema.safeParse(value)
    if (!parsed.success) throw broken(`the entry of ${name} is malformed`)
    const {
      dtype,
      shape,
      data_offsets: [begin, end],
    } = parsed.data
    const length = bytesOf(shape, dtype)
    const offset = 8 + headerLength + begin
    if (end - begin !== length)
      throw broken(`${name} has ${end - begin} bytes where its shape needs ${length}`)
    if (offset + length > bytes.length) throw broken(`it ends inside ${name}`)
    entries.set(name, { type: dtype, shape, offset, length })
  }
  let filled = 8 + headerLength
  for (const [name, { offset, length }] of [...entries].sort(
    ([, a], [, b]) => a.offset - b.offset || a.length - b.length,
  )) {
    if (offset !== filled)
      throw broken(`${name} starts at byte ${offset} where the tensor before it ends at ${filled}`)
    filled += length
  }
  if (filled !== bytes.length) throw broken(`${bytes.length - filled} bytes follow the last tensor`)
  return new SafetensorsFile(path, entries, metadata.data ?? {}, bytes)
}

/**
 * A file in memory. Not by `readFile`, which refuses files of 2 GiB: the state of a large training has as much.
 * @param most bytes a read asks for, of which it may give less; below 2 GiB.
 */
export async function readWhole(path: string, most = 2 ** 30): Promise<Uint8Array> {
  const file = await open(path)
  try {
    // Not a Buffer, whose own slice would not copy.
    const bytes = new Uint8Array((await file.stat()).size)
    let done = 0
    while (done < bytes.length) {
      const { bytesRead } = await file.read(bytes, done, Math.min(most, bytes.length - done))
      // It was cut off meanwhile.
      if (bytesRead === 0) break
      done += bytesRead
    }
    return bytes.subarray(0, done)
  } finally {
    await file.close()
  }
}

function bytesOf(shape: readonly number[], type: SafetensorsType): number {
  return shape.reduce((product, size) => product * size, 1) * WIDTHS[type]
}

export interface SafetensorsInput {
  readonly name: string
  readonly type: SafetensorsType
  readonly shape: readonly number[]
  readonly data: ArrayBufferView
}

/**
 * Writes a file under a temporary name and renames it.
 * @throws ShowtellError INVALID_ARGUMENT naming a tensor whose data do not fill its shape.
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly SafetensorsInput[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  // The format allows no gaps, so alignment to the element comes from writing wide elements first.
  const ordered = [...tensors].sort((a, b) => WIDTHS[b.type] - WIDTHS[a.type])
  const header: Record<string, unknown> = { __metadata__: metadata }
  let end = 0
  for (const { name, type, shape, data } of ordered) {
    const length = bytesOf(shape, type)
    if (data.byteLength !== length) throw expected(`${length} bytes`, name, data.byteLength)
    header[name] = { dtype: type, shape, data_offsets: [end, end + length] }
    end += length
  }
  const json = JSON.stringify(header)
  const text = new TextEncoder().encode(json.padEnd(json.length + ((8 - (Buffer.byteLength(json) % 8)) % 8)))
  const prefix = new Uint8Array(8)
  new DataView(prefix.buffer).setBigUint64(0, BigInt(text.length), true)
  // One name for all writers: the next one writes over what a killed one left.
  const temporary = `${path}.part`
  try {
    const file = await open(temporary, 'w')
    try {
      for (const part of [prefix, text, ...ordered.map(({ data }) => data)]) await writeAll(file, part)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** One write may take less than it was given. */
async function writeAll(
  file: FileHandle,
  { buffer, byteOffset, byteLength }: ArrayBufferView,
): Promise<void> {
  for (let done = 0; done < byteLength; )
    done += (await file.write(new Uint8Array(buffer, byteOffset + done, byteLength - done))).bytesWritten
}

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/** A weight to be written in float16. @throws ShowtellError NUMERIC where that would make it infinite. */
export function inFloat16(
  name: string,
  shape: readonly number[],
  values: Float32Array | undefined,
): SafetensorsInput {
  if (values === undefined) throw expected(`a weight [${shape}]`, name, values)
  const lost = values.find((value) => !(Math.abs(value) <= 65504))
  if (lost !== undefined) throw expected('weights within ±65504', name, lost, 'NUMERIC')
  return { name, shape, data: toFloat16(values), type: 'F16' }
}

/** IEEE 754 binary16, rounded to nearest, ties to even. */
export function toFloat16(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length)
  for (let i = 0; i < values.length; i++) {
    scratch[0] = values[i]!
    const bits = scratchBits[0]!
    const sign = (bits >>> 16) & 0x8000
    const exponent = (bits >>> 23) & 0xff
    const fraction = bits & 0x7fffff
    if (exponent === 0xff) halves[i] = sign | 0x7c00 | (fraction === 0 ? 0 : 0x200)
    else {
      const shifted = exponent - 112
      if (shifted >= 31) halves[i] = sign | 0x7c00
      else if (shifted > 0) halves[i] = sign | (((shifted << 10) | (fraction >>> 13)) + roundUp(fraction, 13))
      else if (shifted < -10) halves[i] = sign
      else {
        const whole = fraction | 0x800000
        const drop = 14 - shifted
        halves[i] = sign | ((whole >>> drop) + roundUp(whole, drop))
      }
    }
  }
  return halves
}

/** 1 when the `drop` low bits round the rest up, ties to even. */
function roundUp(bits: number, drop: number): number {
  const rest = bits & ((1 << drop) - 1)
  const half = 1 << (drop - 1)
  return rest > half || (rest === half && ((bits >>> drop) & 1) === 1) ? 1 : 0
}

export function fromFloat16(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length)
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i]!
    const exponent = (half >>> 10) & 0x1f
    const fraction = half & 0x3ff
    const size =
      exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : exponent === 0
          ? fraction * 2 ** -24
          : (1 + fraction / 1024) * 2 ** (exponent - 15)
    values[i] = half & 0x8000 ? -size : size
  }
  return values
}
