import { setImmediate } from 'node:timers/promises'
import type { RequestHandler } from 'express'

/** Runs pieces of work one after the other, each of which may take milliseconds, so that others get their turn in between. */
export function inTurns(): <Result>(work: () => Result) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const done = last.then(() => setImmediate()).then(work)
    last = done.catch(() => {})
    return done
  }
}

/**
 * Lets a request that was sent behind another one on its connection (HTTP pipelining) wait until that one is answered. Node
 * closes only the response that has the connection when a client goes away: any other one would hold for ever what it
 * has.
 */
export const oneByOne: RequestHandler = (_req, res, next) => {
  if (res.socket !== null) return next()
  // A moment later the response before is closed, and has let go of what it had.
  res.once('socket', () => process.nextTick(() => res.closed || next()))
}
