import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  type PathOrFileDescriptor,
  readdirSync,
  readFileSync,
  rmSync,
  type StatSyncOptions,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { lockForWriting } from './lock.js'

/** The start of this host, its list of processes, and where the clock of its file system stands, if it does. */
const system = vi.hoisted(() => ({ start: 'first', list: 'pid:[2]', now: undefined as number | undefined }))
/** What others do before a file is moved, once. */
const others = vi.hoisted(() => ({ act: () => {} }))
vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>()
  const readFileSync = (file: PathOrFileDescriptor, encoding: BufferEncoding) =>
    file === '/proc/sys/kernel/random/boot_id' ? `${system.start}\n` : real.readFileSync(file, encoding)
  const renameSync = (from: string, to: string) => {
    others.act()
    others.act = () => {}
    real.renameSync(from, to)
  }
  const statSync = (file: string, options: StatSyncOptions) => {
    const found = real.statSync(file, options)
    // A file that was made to ask for the time has a name of its own.
    const isClock = system.now !== undefined && /lock\.[\da-f-]{36}$/.test(file)
    return isClock ? { ...found, mtimeMs: system.now } : found
  }
  return { ...real, readFileSync, readlinkSync: () => system.list, renameSync, statSync }
})

let folder: string
let file: string
beforeEach(() => {
  folder = temporaryFolder('lock', onTestFinished)
  file = join(folder, 'lock')
  system.now = undefined
})
afterEach(() => void vi.useRealTimers())

/** Leaves the lock that a killed process would, with some of its lines changed. */
function leave(change: { number?: number; host?: string; list?: string } = {}): void {
  const release = lockForWriting(folder)
  const [number, host, list, start] = readFileSync(file, 'utf8').split('\n')
  release()
  writeFileSync(file, Object.values({ number, host, list, ...change, start }).join('\n'))
}
/** From now on it is so many seconds after the lock was touched, by the clock of the file system. */
const touchedAgo = (seconds: number): void => {
  system.now = Date.now()
  const then = system.now / 1000 - seconds
  utimesSync(file, then, then)
}
const takeOver = (): void => lockForWriting(folder)()
const held = (who: string, seconds: number): string =>
  `Expected no other writer of ${folder} but ${who} is writing it; if that is not so, try again in ${seconds} s or delete ${file}`

describe('a lock', () => {
  it.each([
    ['another host', { host: 'elsewhere' }, `process ${process.pid} of elsewhere`],
    // Its numbers mean nothing here: it is neither gone nor somebody else that runs.
    [
      'another container with the name of this host',
      { list: 'pid:[1]', number: 2 ** 22 + 1 },
      `process ${2 ** 22 + 1} of ${hostname()}`,
    ],
    ['an earlier start under our number', {}, `process ${process.pid} of ${hostname()}`],
  ])('of %s is held for ten minutes after it was touched', (_, change, who) => {
    leave(change)
    touchedAgo(0.5)
    expect(takeOver).toThrow(held(who, 600))
    touchedAgo(588.5)
    expect(takeOver).toThrow(held(who, 12))
    touchedAgo(600.5)
    takeOver()
    expect(existsSync(file)).toBe(false)
  })

  it('of another process of this host is held as long as that runs, and then taken over at once', async () => {
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    leave({ number: other.pid! })
    touchedAgo(1000)
    expect(takeOver).toThrow(`but process ${other.pid} is writing it; if that is not so, delete ${file}`)
    other.kill('SIGKILL')
    await once(other, 'exit')
    touchedAgo(0.5)
    takeOver()
  })

  it.each([
    ['another host of one name, or an earlier start of it', { start: 'second' }],
    ['another container of one name', { list: 'pid:[3]' }],
  ])('of %s is held for ten minutes, whatever runs under its number here', (_, there) => {
    const here = { ...system }
    Object.assign(system, there)
    leave({ number: process.ppid })
    Object.assign(system, here)
    touchedAgo(0.5)
    expect(takeOver).toThrow(held(`process ${process.ppid} of ${hostname()}`, 600))
    touchedAgo(600.5)
    takeOver()
  })

  it('is touched as long as it is held, and no longer', () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const touched = (): boolean => {
      touchedAgo(50)
      vi.advanceTimersByTime(5_000)
      return Date.now() - statSync(file).mtimeMs < 10_000
    }
    const release = lockForWriting(folder)
    expect(touched()).toBe(true)
    const ours = readFileSync(file, 'utf8')
    release()
    writeFileSync(file, ours)
    expect(touched()).toBe(false)
  })

  it('is held by the clock of the file system, whatever those of its holder and of who else wants it say', () => {
    leave({ host: 'elsewhere' })
    touchedAgo(0.5)
    for (const hours of [-1, 1]) {
      vi.useFakeTimers({
        toFake: ['Date', 'setInterval', 'clearInterval'],
        now: Date.now() + hours * 3_600_000,
      })
      expect(takeOver).toThrow(held(`process ${process.pid} of elsewhere`, 600))
      const own = join(folder, `lock-${hours}`)
      const release = lockForWriting(folder, own)
      utimesSync(own, 1, 1)
      vi.advanceTimersByTime(5_000)
      const { mtimeMs } = statSync(own)
      release()
      vi.useRealTimers()
      expect(Math.abs(Date.now() - mtimeMs)).toBeLessThan(10_000)
    }
    // What was written to ask for the time is gone.
    expect(readdirSync(folder)).toEqual(['lock'])
  })

  it('that is left over is taken over once, by whoever is first of two that found it so', () => {
    leave({ host: 'elsewhere' })
    touchedAgo(600.5)
    let theirs = ''
    others.act = () => {
      rmSync(file)
      leave({ number: process.ppid })
      theirs = readFileSync(file, 'utf8')
    }
    expect(takeOver).toThrow(`but process ${process.ppid} is writing it; if that is not so, delete ${file}`)
    expect(readFileSync(file, 'utf8')).toBe(theirs)
    expect(readdirSync(folder)).toEqual(['lock'])
    // One that only goes away leaves the place to this one.
    rmSync(file)
    leave({ host: 'elsewhere' })
    touchedAgo(600.5)
    others.act = () => rmSync(file)
    takeOver()
    expect(readdirSync(folder)).toEqual([])
  })

  it('that another took over is neither touched nor deleted', () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const release = lockForWriting(folder)
    rmSync(file)
    vi.advanceTimersByTime(5_000)
    expect(existsSync(file)).toBe(false)
    writeFileSync(file, 'another')
    touchedAgo(50)
    vi.advanceTimersByTime(5_000)
    expect(Date.now() - statSync(file).mtimeMs).toBeGreaterThan(40_000)
    release()
    expect(readFileSync(file, 'utf8')).toBe('another')
  })
})
