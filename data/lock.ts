import { randomUUID } from 'node:crypto'
import {
  closeSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { ShowtellError } from '../errors.js'

/** Locks of this process. */
const held = new Set<string>()

/** How often whoever holds a lock touches it, milliseconds. */
const TOUCHED_EVERY = 5_000
/**
 * A lock that was not touched for so many milliseconds is left over. A step of a training without the native engine takes
 * twenty seconds, in which nothing else is done, and many times that on a busy machine. Two writers would spoil what they
 * write; one who meets a lock that is left over need not wait, since the message names the file to delete.
 */
const LEFT_AFTER = 600_000

/**
 * Makes this process the one writer of a folder, or of a file, by a lock that says which process of which host holds it
 * and is touched as long as it does. One that is left over is taken over: of a process of this host once that is gone, of
 * any other once it is not touched any more. The answer releases it.
 * @param place what is written, for messages.
 * @param lock the lock's file; `lock` in the folder when absent.
 * @throws ShowtellError INVALID_DATA naming the process that writes there.
 */
export function lockForWriting(place: string, lock = join(place, 'lock')): () => void {
  const file = resolve(lock)
  // The last line tells it from that of another start under the same number.
  const ours = [process.pid, ...here(), randomUUID()].join('\n')
  for (;;) {
    try {
      writeFileSync(file, ours, { flag: 'wx' })
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const content = contentOf(file)
    const owner = ownerOf(file, content)
    if (owner !== undefined) {
      const wait = owner.seconds === undefined ? '' : `try again in ${owner.seconds} s or `
      throw new ShowtellError(
        'INVALID_DATA',
        `Expected no other writer of ${place} but ${owner.who} is writing it; if that is not so, ${wait}delete ${file}`,
        { where: place },
      )
    }
    removeLeft(file, content)
  }
  held.add(file)
  const touching = setInterval(() => {
    try {
      touch(file, ours)
    } catch {
      // Of a disk that does not answer now the next attempt may be in time.
    }
  }, TOUCHED_EVERY).unref()
  return () => {
    clearInterval(touching)
    held.delete(file)
    // Deleted by a person meanwhile, or taken over, it is another's.
    if (contentOf(file) === ours) rmSync(file, { force: true })
  }
}

/** Works as the one writer of a folder, which is made where it is not there. @throws ShowtellError as `lockForWriting`. */
export async function whileLocked<T>(folder: string, work: () => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true })
  const release = lockForWriting(folder)
  try {
    return await work()
  } finally {
    release()
  }
}

/** Writes what a lock says once more: unlike a time that is set, that of a write is by the clock of the file system. */
function touch(file: string, ours: string): void {
  const opened = openSync(file, 'r+')
  try {
    if (readFileSync(opened, 'utf8') === ours) writeSync(opened, ours, 0)
  } finally {
    closeSync(opened)
  }
}

/** The time by the clock of the file system, which on a network is not ours: that of a file of our own. */
function nowAt(file: string): number {
  const own = `${file}.${randomUUID()}`
  try {
    writeFileSync(own, '')
    return statSync(own).mtimeMs
  } finally {
    rmSync(own, { force: true })
  }
}

/**
 * Removes a lock that is left over. Where two find it so, the slower would remove what the faster has made since: moved
 * aside, it shows what it is, and is put back.
 * @param content what the lock says that is left over
 */
function removeLeft(file: string, content: string | undefined): void {
  const aside = `${file}.${randomUUID()}`
  try {
    renameSync(file, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (contentOf(aside) === content) rmSync(aside, { force: true })
  else renameSync(aside, file)
}

/**
 * Who holds the lock, and in how many seconds it is left over unless it is touched; undefined if nobody does any more.
 * @param content what the lock says, undefined where it is gone
 */
function ownerOf(
  file: string,
  content: string | undefined,
): { readonly who: string; readonly seconds?: number } | undefined {
  if (held.has(file)) return { who: 'this process' }
  const [number, host, list] = content?.split('\n') ?? []
  const pid = Number(number)
  if (pid !== process.pid && [host, list].join() === here().join())
    return isRunning(pid) ? { who: `process ${pid}` } : undefined
  // Of another host; of an earlier start of this one, or of a container, whose processes have the same numbers each time;
  // or made a moment ago and not yet written.
  const touched = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
  const seconds = Math.ceil((touched + LEFT_AFTER - nowAt(file)) / 1000)
  const who = host === undefined ? 'another process' : `process ${pid} of ${host}`
  return seconds > 0 ? { who, seconds } : undefined
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Where a number means one process: a host, and its list of them. Containers have lists of their own, some with the host's
 * name; the first list is called the same everywhere, and so are many hosts, but the start of each has an id of its own.
 */
function here(): [host: string, list: string] {
  try {
    const start = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return [hostname(), `${start} ${readlinkSync('/proc/self/ns/pid')}`]
  } catch {
    // Only Linux says so. Elsewhere hosts of one name are taken for one, which was never started anew.
    return [hostname(), '']
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
