import type { RequestHandler, Response } from 'express'
import { ShowtellError } from '../errors.js'

/**
 * Ends the wait for an answer when the client goes away or the deadline is over. That begins when this is first asked
 * for: once the body has been read.
 * @param deadline ms
 * @returns one signal a request; its reason is a ShowtellError, DEADLINE or ABORTED.
 */
export function patienceOf(res: Response, deadline: number): AbortSignal {
  res.locals.patience ??= patience(res, deadline)
  return res.locals.patience as AbortSignal
}

/** What work gives, for as long as anybody waits for it. @throws the signal's reason, or what the work throws. */
export async function within<R>(signal: AbortSignal, work: Promise<R>): Promise<R> {
  const end = new Promise<never>((_resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  return Promise.race([work, end])
}

function patience(res: Response, deadline: number): AbortSignal {
  const controller = new AbortController()
  const timer = setTimeout(
    () =>
      controller.abort(
        new ShowtellError('DEADLINE', `Expected captions within ${deadline} ms but they took longer`),
      ),
    deadline,
  )
  const onClose = (): void => {
    clearTimeout(timer)
    controller.abort(new ShowtellError('ABORTED', 'Expected a client to answer but it went away'))
  }
  if (res.closed) onClose()
  else res.once('close', onClose)
  return controller.signal
}

/**
 * Ends the connection of a client that takes longer for its answer: what the request holds is held until then.
 * @param timeout ms
 */
export function limitDownload(timeout: number): RequestHandler {
  return (_req, res, next) => {
    let late: NodeJS.Timeout | undefined
    const start = (): void => {
      // A request is answered, too, whose client went away before.
      if (!res.closed) late ??= setTimeout(() => res.destroy(), timeout)
    }
    // A file is piped as fast as it is taken; what else there is to say is said at once.
    res.once('pipe', start).once('prefinish', start)
    res.once('close', () => clearTimeout(late))
    next()
  }
}
