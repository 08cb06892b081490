import { ShowtellError } from '../errors.js'
import { say } from './progress.js'

/** The exit code of a command that a signal ended: 128 and the number of SIGINT, as shells have it. */
export const INTERRUPTED = 130

/** A signal that SIGINT or SIGTERM raises, so that long work can stop between two steps and keep what it has; a second one ends at once. */
export function interruptible(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(INTERRUPTED)
      say(`${name}: stopping after this step; once more to end at once`)
      controller.abort(new ShowtellError('ABORTED', `Expected to finish but ${name} came`))
    })
  return controller.signal
}

/** Tells where work was stopped by that signal, and ends the command as SIGINT does. */
export function tellStopped(where: string): void {
  process.stderr.write(`stopped ${where}; the same command goes on\n`)
  process.exitCode = INTERRUPTED
}
