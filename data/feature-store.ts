import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { expected, messageOf, ShowtellError } from '../errors.js'
import { lockForWriting } from './lock.js'

/** What the features are; a store is appended to only with the same. */
const headerSchema = z.strictObject({
  version: z.literal(1),
  encoder: z.string(),
  /** sha256 of the encoder's weights. */
  weights: z.string(),
  regions: z.int().min(1),
  channels: z.int().min(1),
  /** Side of the square that photos became, where it is not the encoder's own. */
  imageSize: z.int().min(1).optional(),
  /** Least and greatest value; what lies outside is stored as the nearer of the two. */
  range: z.tuple([z.number(), z.number()]).refine(([low, high]) => low < high),
})
export type FeatureStoreHeader = z.infer<typeof headerSchema>

/** So many rows are at risk when the power fails; a killed process loses none. */
const ROWS_BETWEEN_SYNCS = 256

/** Whether a store can hold it: something in one line, in whole characters. */
export function isKey(text: string): boolean {
  return text !== '' && !/[\n\uD800-\uDFFF]/u.test(text)
}

/**
 * Features of photos on disk: one byte a value, rows only ever appended, read by position, so that memory holds the
 * keys and one row whatever the size. A folder with `header.json`, `rows.bin` (row after row) and `keys.txt` (a line a
 * row). A row counts once its key is written whole; what a killed process left half done is dropped when the store is
 * opened to append.
 */
export class FeatureStore {
  private readonly rowOf = new Map<string, number>()
  private readonly levels: Float32Array
  private readonly row: Uint8Array
  private keyBytes = 0
  private closed = false

  private constructor(
    readonly path: string,
    readonly header: FeatureStoreHeader,
    private readonly rows: number,
    private readonly keys: number,
    /** Gives the lock back; undefined when opened to read. */
    private readonly release: (() => void) | undefined,
  ) {
    this.row = new Uint8Array(header.regions * header.channels)
    const [low, high] = header.range
    this.levels = Float32Array.from({ length: 256 }, (_, level) => low + ((high - low) * level) / 255)
  }

  /**
   * Opens a store to append to, making it where there is none.
   * @throws ShowtellError INVALID_DATA if it holds other features, is damaged, or somebody is writing it.
   */
  static create(path: string, header: Omit<FeatureStoreHeader, 'version'>): FeatureStore {
    const wanted: FeatureStoreHeader = { version: 1, ...header }
    mkdirSync(path, { recursive: true })
    const release = lockForWriting(path)
    try {
      const file = join(path, 'header.json')
      if (!existsSync(file)) {
        if (!headerSchema.safeParse(wanted).success)
          throw expected('regions, channels and a range from low to high', path, JSON.stringify(wanted))
        writeFileSync(`${file}.new`, `${JSON.stringify(wanted)}\n`, { flush: true })
        renameSync(`${file}.new`, file)
      }
      const found = readHeader(path)
      for (const field of Object.keys(wanted) as (keyof FeatureStoreHeader)[])
        if (JSON.stringify(found[field]) !== JSON.stringify(wanted[field]))
          throw expected(`${field} ${JSON.stringify(wanted[field])}`, path, found[field], 'INVALID_DATA')
      return FeatureStore.load(path, found, release)
    } catch (error) {
      release()
      throw error
    }
  }

  /** Opens a store to read the rows that are there now. @throws ShowtellError NOT_FOUND or INVALID_DATA. */
  static open(path: string): FeatureStore {
    if (['header.json', 'rows.bin', 'keys.txt'].some((file) => !existsSync(join(path, file))))
      throw new ShowtellError('NOT_FOUND', `Expected a feature store at ${path} but found none`, {
        where: path,
      })
    return FeatureStore.load(path, readHeader(path), undefined)
  }

  private static load(
    path: string,
    header: FeatureStoreHeader,
    release: (() => void) | undefined,
  ): FeatureStore {
    const flags = release ? 'a+' : 'r'
    const rows = openSync(join(path, 'rows.bin'), flags)
    const keys = openSync(join(path, 'keys.txt'), flags)
    const store = new FeatureStore(path, header, rows, keys, release)
    try {
      store.recover()
    } catch (error) {
      closeSync(rows)
      closeSync(keys)
      throw error
    }
    return store
  }

  /** Keeps the rows that are whole in both files. */
  private recover(): void {
    const lines = readFileSync(join(this.path, 'keys.txt'), 'utf8').split('\n').slice(0, -1)
    const whole = Math.min(lines.length, Math.floor(fstatSync(this.rows).size / this.row.length))
    for (const [index, key] of lines.slice(0, whole).entries()) {
      if (this.rowOf.has(key))
        throw expected('a new key', `${join(this.path, 'keys.txt')}:${index + 1}`, key, 'INVALID_DATA')
      this.rowOf.set(key, index)
      this.keyBytes += Buffer.byteLength(key) + 1
    }
    if (this.release) this.dropUnfinished()
  }

  private dropUnfinished(): void {
    cut(this.rows, this.size * this.row.length)
    cut(this.keys, this.keyBytes)
  }

  get size(): number {
    return this.rowOf.size
  }

  get keysInOrder(): string[] {
    return [...this.rowOf.keys()]
  }

  has(key: string): boolean {
    return this.rowOf.has(key)
  }

  /**
   * Appends features [regions, channels] under a new key of one line.
   * @throws ShowtellError INVALID_ARGUMENT for a wrong length or key, NUMERIC for a value that is no number, INTERNAL
   *   when the disk is full; the rows before are kept, and appending may go on once there is room.
   */
  append(key: string, features: Float32Array): void {
    const { row } = this
    if (!this.release || this.closed) throw expected('a store opened to append', this.path, key)
    if (features.length !== row.length) throw expected(`${row.length} features`, key, features.length)
    if (this.rowOf.has(key) || !isKey(key)) throw expected('a new key of one line', this.path, key)
    const [low, high] = this.header.range
    const scale = 255 / (high - low)
    for (let i = 0; i < row.length; i++) {
      const level = Math.round((features[i]! - low) * scale)
      if (Number.isNaN(level)) throw expected('a number', `feature ${i} of ${key}`, features[i], 'NUMERIC')
      row[i] = Math.max(0, Math.min(255, level))
    }
    const line = Buffer.from(`${key}\n`)
    try {
      writeWhole(this.rows, row)
      writeWhole(this.keys, line)
    } catch (cause) {
      this.dropUnfinished()
      throw new ShowtellError(
        'INTERNAL',
        `Expected room for ${row.length} bytes in ${this.path} but ${messageOf(cause)}; ${this.size} rows are kept`,
        { where: this.path, cause },
      )
    }
    this.rowOf.set(key, this.size)
    this.keyBytes += line.length
    if (this.size % ROWS_BETWEEN_SYNCS === 0) this.flush()
  }

  /**
   * Writes the features of a key [regions, channels] into `target` from `offset`.
   * @throws ShowtellError NOT_FOUND for a key that is not there, INVALID_ARGUMENT where `target` is too short.
   */
  readInto(key: string, target: Float32Array, offset = 0): void {
    const { row, levels } = this
    const index = this.rowOf.get(key)
    if (index === undefined)
      throw new ShowtellError('NOT_FOUND', `Expected features of ${key} in ${this.path} but found none`, {
        where: key,
      })
    if (offset < 0 || offset + row.length > target.length)
      throw expected(`room for ${row.length} features from ${offset}`, key, target.length)
    if (readSync(this.rows, row, 0, row.length, index * row.length) !== row.length)
      throw new ShowtellError(
        'INVALID_DATA',
        `Expected ${row.length} bytes of ${key} in ${this.path} but the file is shorter`,
        { where: key },
      )
    for (let i = 0; i < row.length; i++) target[offset + i] = levels[row[i]!]!
  }

  /** Brings what was appended to the disk. */
  flush(): void {
    fsyncSync(this.rows)
    fsyncSync(this.keys)
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    if (this.release) this.flush()
    closeSync(this.rows)
    closeSync(this.keys)
    this.release?.()
  }
}

function readHeader(path: string): FeatureStoreHeader {
  try {
    return headerSchema.parse(JSON.parse(readFileSync(join(path, 'header.json'), 'utf8')))
  } catch (cause) {
    throw new ShowtellError(
      'INVALID_DATA',
      `Expected the header of a feature store in ${path} but ${messageOf(cause)}`,
      { where: path, cause },
    )
  }
}

/** A file that is not longer stays as it is, also the time when it was written: photos may be newer. */
function cut(file: number, bytes: number): void {
  if (fstatSync(file).size > bytes) ftruncateSync(file, bytes)
}

function writeWhole(file: number, bytes: Uint8Array): void {
  let written = 0
  while (written < bytes.length) written += writeSync(file, bytes, written)
}
