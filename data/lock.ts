import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ShowtellError } from '../errors.js'

/** Locks of this process: its own number in a file that is not among them was left by an earlier process. */
const held = new Set<string>()

/**
 * Makes this process the one writer of a folder, or of a file, by a lock that holds its process number; the lock of a
 * process that is gone is taken over. The answer releases it.
 * @param place what is written, for messages.
 * @param lock the lock's file; `lock` in the folder when absent.
 * @throws ShowtellError INVALID_DATA naming the process that writes there.
 */
export function lockForWriting(place: string, lock = join(place, 'lock')): () => void {
  const file = resolve(lock)
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' })
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = ownerOf(file)
    if (owner !== undefined)
      throw new ShowtellError(
        'INVALID_DATA',
        `Expected no other writer of ${place} but ${owner} is writing it; if that is not so, delete ${file}`,
        { where: place },
      )
    rmSync(file, { force: true })
  }
  held.add(file)
  return () => {
    held.delete(file)
    rmSync(file, { force: true })
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

/** Who holds the lock, undefined if nobody does any more. */
function ownerOf(file: string): string | undefined {
  if (held.has(file)) return 'this process'
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    // Made a moment ago, its number not yet written; an old empty one was left by a process killed right there.
    if (pid === 0) return Date.now() - statSync(file).mtimeMs < 1000 ? 'another process' : undefined
    return pid !== process.pid && isRunning(pid) ? `process ${pid}` : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
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
