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
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { expected, messageOf, ShowtellError } from '../errors.js'

/** What the features are; a store is opened only with the same. */
const headerSchema = z.strictObject({
  version: z.literal(1),
  encoder: z.string(),
  /** sha256 of the encoder's weights. */
  weights: z.string(),
  regions: z.int().min(1),
  channels: z.int().min(1),
  range: z.tuple([z.number(), z.number()]),
})
export type FeatureStoreHeader = z.infer<typeof headerSchema>

/**
 * Features of photos on disk: one byte a value, rows only ever appended, read by position, so that memory stays the
 * same whatever the size. A folder with `header.json`, `rows.bin` (row after row) and `keys.txt` (one line a row).
 * A row counts once its key is written whole; what a killed process left half done is dropped when the store is opened.
 */
export class FeatureStore {
  private readonly rowOf = new Map<string, number>()
  private readonly levels = new Float32Array(256)
  private readonly row: Uint8Array
  private closed = false

  private constructor(
    readonly path: string,
    readonly header: FeatureStoreHeader,
    private readonly rows: number,
    private readonly keys: number,
    private readonly writable: boolean,
  ) {
    this.row = new Uint8Array(header.regions * header.channels)
    const [low, high] = header.range
    for (let level = 0; level < 256; level++) this.levels[level] = low + ((high - low) * level) / 255
  }

  /**
   * Opens a store to append to, making it where there is none.
   * @throws ShowtellError INVALID_DATA if it holds other features, or another process is writing it.
   */
  static create(path: string, header: Omit<FeatureStoreHeader, 'version'>): FeatureStore {
    const whole: FeatureStoreHeader = { version: 1, ...header }
    mkdirSync(path, { recursive: true })
    lock(path)
    if (!existsSync(join(path, 'header.json')))
      writeFileSync(join(path, 'header.json'), `${JSON.stringify(whole)}\n`)
    const store = FeatureStore.load(path, true)
    for (const field of Object.keys(whole) as (keyof FeatureStoreHeader)[])
      if (JSON.stringify(store.header[field]) !== JSON.stringify(whole[field])) {
        store.close()
        throw expected(`${field} ${JSON.stringify(whole[field])}`, path, store.header[field], 'INVALID_DATA')
      }
    return store
  }

  /** Opens a store to read. @throws ShowtellError NOT_FOUND or INVALID_DATA. */
  static open(path: string): FeatureStore {
    if (!existsSync(join(path, 'header.json')))
      throw new ShowtellError('NOT_FOUND', `Expected a feature store at ${path} but found none`, {
        where: path,
      })
    return FeatureStore.load(path, false)
  }

  private static load(path: string, writable: boolean): FeatureStore {
    let header: FeatureStoreHeader
    try {
      header = headerSchema.parse(JSON.parse(readFileSync(join(path, 'header.json'), 'utf8')))
    } catch (cause) {
      throw new ShowtellError(
        'INVALID_DATA',
        `Expected the header of a feature store in ${path} but ${messageOf(cause)}`,
        { where: path, cause },
      )
    }
    const flags = writable ? 'a+' : 'r'
    const store = new FeatureStore(
      path,
      header,
      openSync(join(path, 'rows.bin'), flags),
      openSync(join(path, 'keys.txt'), flags),
      writable,
    )
    store.recover()
    return store
  }

  /** Keeps the rows that are whole in both files. */
  private recover(): void {
    const text = readFileSync(join(this.path, 'keys.txt'), 'utf8')
    const lines = text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .slice(0, -1)
    const whole = Math.min(lines.length, Math.floor(fstatSync(this.rows).size / this.row.length))
    for (const key of lines.slice(0, whole)) this.rowOf.set(key, this.rowOf.size)
    if (this.rowOf.size !== whole)
      throw new ShowtellError(
        'INVALID_DATA',
        `Expected every key once in ${this.path} but one is there twice`,
        { where: this.path },
      )
    if (!this.writable) return
    ftruncateSync(this.rows, whole * this.row.length)
    ftruncateSync(
      this.keys,
      Buffer.byteLength(
        lines
          .slice(0, whole)
          .map((line) => `${line}\n`)
          .join(''),
      ),
    )
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
   * Appends features [regions, channels] under a key of one line.
   * @throws ShowtellError INVALID_DATA when the disk is full; the rows before are kept.
   */
  append(key: string, features: Float32Array): void {
    if (features.length !== this.row.length)
      throw expected(`${this.row.length} features`, key, features.length)
    if (this.rowOf.has(key) || key.includes('\n'))
      throw expected('a new key of one line', 'a feature row', key)
    const [low, high] = this.header.range
    const scale = 255 / (high - low)
    for (let i = 0; i < features.length; i++)
      this.row[i] = Math.max(0, Math.min(255, Math.round((features[i]! - low) * scale)))
    try {
      writeWhole(this.rows, this.row)
      writeWhole(this.keys, Buffer.from(`${key}\n`))
    } catch (cause) {
      ftruncateSync(this.rows, this.size * this.row.length)
      throw new ShowtellError(
        'INVALID_DATA',
        `Expected room for ${this.row.length} bytes in ${this.path} but ${messageOf(cause)}; ${this.size} rows are kept`,
        {
          where: this.path,
          cause,
        },
      )
    }
    this.rowOf.set(key, this.rowOf.size)
  }

  /** Writes the features of a key [regions, channels] into `target` from `offset`. @throws ShowtellError NOT_FOUND. */
  readInto(key: string, target: Float32Array, offset = 0): void {
    const row = this.rowOf.get(key)
    if (row === undefined)
      throw new ShowtellError('NOT_FOUND', `Expected features of ${key} in ${this.path} but found none`, {
        where: key,
      })
    const length = this.row.length
    if (readSync(this.rows, this.row, 0, length, row * length) !== length)
      throw new ShowtellError(
        'INVALID_DATA',
        `Expected ${length} bytes of ${key} in ${this.path} but the file is shorter`,
        { where: key },
      )
    for (let i = 0; i < length; i++) target[offset + i] = this.levels[this.row[i]!]!
  }

  /** Brings what was appended to the disk. */
  flush(): void {
    fsyncSync(this.rows)
    fsyncSync(this.keys)
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    if (this.writable) this.flush()
    closeSync(this.rows)
    closeSync(this.keys)
    if (this.writable) rmSync(join(this.path, 'lock'), { force: true })
  }
}

function writeWhole(file: number, bytes: Uint8Array): void {
  let written = 0
  while (written < bytes.length) written += writeSync(file, bytes, written)
}

/** One writer at a time; the lock of a process that is gone is taken over. */
function lock(path: string): void {
  const file = join(path, 'lock')
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
  } catch {
    const owner = Number(readFileSync(file, 'utf8'))
    if (owner !== process.pid && isRunning(owner))
      throw new ShowtellError(
        'INVALID_DATA',
        `Expected no other writer of ${path} but process ${owner} is writing it`,
        { where: path },
      )
    writeFileSync(file, String(process.pid))
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
