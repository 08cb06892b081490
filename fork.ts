import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { leftBehind } from './errors.js'

/**
 * Starts a module of ours as the main file of a process of its own; typed arrays cross between the two as such, and what
 * it prints is not heard, but for its errors.
 * @param url the module, `…/worker.js` as imports name it, compiled or not
 * @throws ShowtellError NOT_FOUND where a bundler has left it behind.
 */
export function forkModule(url: URL, args: readonly string[] = []): ChildProcess {
  const isSource = import.meta.url.endsWith('.ts')
  const compiled = fileURLToPath(url)
  const path = isSource ? compiled.replace(/\.js$/, '.ts') : compiled
  if (!existsSync(path)) throw leftBehind(basename(path), path)
  return fork(path, args, {
    serialization: 'advanced',
    // From the sources (tests, development): Node 20 reads no TypeScript.
    execArgv: isSource ? ['--import', import.meta.resolve('tsx')] : [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
}

/** Whether a module, by its `import.meta.url`, is the main file of a process that `forkModule` started. */
export function isForked(url: string): boolean {
  const [, main] = process.argv
  if (process.send === undefined || main === undefined) return false
  // With --preserve-symlinks the one has the links in it and the other has not.
  return realOf(main) === realOf(fileURLToPath(url))
}

/** Where a path leads, or itself where there is nothing: a main file may be named without its ending. */
function realOf(path: string): string {
  return existsSync(path) ? realpathSync(path) : path
}
