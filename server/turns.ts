import { setImmediate } from 'node:timers/promises'

/** Runs pieces of work one after the other, each of which may take milliseconds, so that others get their turn in between. */
export function inTurns(): <Result>(work: () => Result) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const done = last.then(() => setImmediate()).then(work)
    last = done.catch(() => {})
    return done
  }
}
