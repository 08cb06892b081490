import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { FeatureStore } from './feature-store.js'

/** The bytes a disk still takes; beyond them writing fails as on a full disk, after what fits. */
let room: number
vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>()
  return {
    ...real,
    writeSync(file: number, bytes: Uint8Array, offset = 0): number {
      const count = Math.min(room, bytes.length - offset)
      if (count === 0) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
      room -= count
      return real.writeSync(file, bytes, offset, count)
    },
  }
})

const header = { encoder: 'toy', weights: 'abc', regions: 2, channels: 3, range: [0, 6] as [number, number] }
const featuresOf = (seed: number) =>
  Float32Array.from({ length: 6 }, (_, i) => ((seed * 7 + i * 11) % 61) / 10)
const read = (store: FeatureStore, key: string) => {
  const target = new Float32Array(6)
  store.readInto(key, target)
  return target
}
/** Half a level, and what float32 adds. */
const tolerance = 6 / 255 / 2 + 1e-6

let folder: string
beforeEach(() => {
  room = Number.POSITIVE_INFINITY
  folder = temporaryFolder('features', onTestFinished)
})

function filled(count: number, path = folder): void {
  const store = FeatureStore.create(path, header)
  for (let i = 0; i < count; i++) store.append(`photo ${i} é`, featuresOf(i))
  store.close()
}

function holds(store: FeatureStore, count: number): void {
  expect(store.keysInOrder).toEqual(Array.from({ length: count }, (_, i) => `photo ${i} é`))
  for (let i = count - 1; i >= 0; i--)
    for (const [j, value] of read(store, `photo ${i} é`).entries())
      expect(Math.abs(value - featuresOf(i)[j]!)).toBeLessThanOrEqual(tolerance)
}

describe('FeatureStore', () => {
  it('gives every value back within half a level, at any offset, and the nearer end for one outside the range', () => {
    const value = fc.float({ min: -3, max: 9, noNaN: true })
    let round = 0
    fc.assert(
      fc.property(fc.array(value, { minLength: 6, maxLength: 6 }), fc.nat(3), (values, offset) => {
        const store = FeatureStore.create(join(folder, String(round++)), { ...header, range: [-1, 5] })
        store.append('key', Float32Array.from(values))
        const target = new Float32Array(9).fill(77)
        store.readInto('key', target, offset)
        store.close()
        for (const [i, one] of target.entries()) {
          const original = i >= offset ? values[i - offset] : undefined
          if (original === undefined) expect(one).toBe(77)
          else expect(Math.abs(one - Math.max(-1, Math.min(5, original)))).toBeLessThanOrEqual(tolerance)
        }
      }),
    )
  })

  it('goes on where it ended, for a second writer and for readers', () => {
    filled(3)
    const store = FeatureStore.create(folder, header)
    expect(store.has('photo 2 é')).toBe(true)
    store.append('photo 3 é', featuresOf(3))
    const reader = FeatureStore.open(folder)
    holds(reader, 4)
    reader.close()
    store.close()
  })

  it('is not written to by being opened', () => {
    filled(2)
    const times = () => ['rows.bin', 'keys.txt'].map((file) => fs.statSync(join(folder, file)).mtimeMs)
    for (const file of ['rows.bin', 'keys.txt']) fs.utimesSync(join(folder, file), 100, 100)
    FeatureStore.create(folder, header).close()
    expect(times()).toEqual([100_000, 100_000])
  })

  it.each(['rows.bin', 'keys.txt'])('survives %s cut at every byte', (file) => {
    filled(4)
    const whole = fs.readFileSync(join(folder, file))
    const others = new Map(
      ['header.json', 'rows.bin', 'keys.txt'].map((name) => [name, fs.readFileSync(join(folder, name))]),
    )
    let last = 0
    for (let size = 0; size <= whole.length; size++) {
      for (const [name, bytes] of others) fs.writeFileSync(join(folder, name), bytes)
      fs.writeFileSync(join(folder, file), whole.subarray(0, size))
      const reader = FeatureStore.open(folder)
      const { size: kept } = reader
      holds(reader, kept)
      reader.close()
      const store = FeatureStore.create(folder, header)
      holds(store, kept)
      for (let i = kept; i < 5; i++) store.append(`photo ${i} é`, featuresOf(i))
      holds(store, 5)
      store.close()
      expect(kept).toBeGreaterThanOrEqual(last)
      last = kept
    }
    expect(last).toBe(4)
  })

  it('keeps what it has when the disk is full at any byte, says so, and goes on once there is room', () => {
    const bytesOfRow = 6 + Buffer.byteLength('photo 2 é\n')
    for (let left = 0; left < bytesOfRow; left++) {
      const path = join(folder, String(left))
      filled(2, path)
      const store = FeatureStore.create(path, header)
      room = left
      expect(() => store.append('photo 2 é', featuresOf(2))).toThrow(
        `Expected room for 6 bytes in ${path} but ENOSPC: no space left on device; 2 rows are kept`,
      )
      holds(store, 2)
      room = Number.POSITIVE_INFINITY
      store.append('photo 2 é', featuresOf(2))
      store.close()
      const reader = FeatureStore.open(path)
      holds(reader, 3)
      reader.close()
    }
  })

  it('refuses other features, naming both', () => {
    filled(1)
    expect(() => FeatureStore.create(folder, { ...header, encoder: 'other' })).toThrow(
      `Expected encoder "other" for ${folder} but received "toy"`,
    )
    expect(() => FeatureStore.create(folder, { ...header, range: [0, 1] })).toThrow(
      `Expected range [0,1] for ${folder} but received [0, 6]`,
    )
    FeatureStore.create(folder, header).close()
    expect(() => FeatureStore.create(join(folder, 'new'), { ...header, range: [1, 1] })).toThrow(
      'a range from low to high',
    )
  })

  it('refuses a key twice, a key of two lines, a wrong length, no numbers, and unknown keys', () => {
    filled(1)
    const store = FeatureStore.create(folder, header)
    expect(() => store.append('photo 0 é', featuresOf(0))).toThrow('Expected a new key of one line')
    expect(() => store.append('a\nb', featuresOf(0))).toThrow('Expected a new key of one line')
    expect(() => store.append('b', new Float32Array(5))).toThrow('Expected 6 features for b but received 5')
    expect(() => store.append('b', new Float32Array(6).fill(Number.NaN))).toThrow('feature 0 of b')
    expect(() => store.readInto('b', new Float32Array(6))).toThrow('Expected features of b')
    expect(() => store.readInto('photo 0 é', new Float32Array(6), 1)).toThrow('room for 6 features from 1')
    expect(store.size).toBe(1)
    store.close()
    const reader = FeatureStore.open(folder)
    expect(() => reader.append('b', featuresOf(1))).toThrow('Expected a store opened to append')
    reader.close()
  })

  it('refuses a folder that is no store, a broken header and a key that stands twice', () => {
    expect(() => FeatureStore.open(folder)).toThrow(`Expected a feature store at ${folder} but found none`)
    filled(2)
    fs.writeFileSync(join(folder, 'keys.txt'), 'same\nsame\n')
    expect(() => FeatureStore.open(folder)).toThrow('keys.txt:2 but received "same"')
    fs.writeFileSync(join(folder, 'header.json'), '{')
    expect(() => FeatureStore.open(folder)).toThrow('Expected the header of a feature store')
  })

  it('has one writer at a time, and takes over from a process that is gone', async () => {
    const store = FeatureStore.create(folder, header)
    expect(() => FeatureStore.create(folder, header)).toThrow('but this process is writing it')
    const lock = fs.readFileSync(join(folder, 'lock'), 'utf8')
    store.close()

    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    fs.writeFileSync(join(folder, 'lock'), lock.replace(/^\d+/, String(other.pid)))
    expect(() => FeatureStore.create(folder, header)).toThrow(`but process ${other.pid} is writing it`)
    other.kill('SIGKILL')
    await once(other, 'exit')
    FeatureStore.create(folder, header).close()
    expect(fs.existsSync(join(folder, 'lock'))).toBe(false)

    // Killed between making the lock and writing its number.
    fs.writeFileSync(join(folder, 'lock'), '')
    expect(() => FeatureStore.create(folder, header)).toThrow('but another process is writing it')
    fs.utimesSync(join(folder, 'lock'), 0, 0)
    FeatureStore.create(folder, header).close()
  })
})
