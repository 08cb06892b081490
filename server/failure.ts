import type { ErrorRequestHandler, RequestHandler, Response } from 'express'
import { type ErrorCode, expected, messageOf, ShowtellError } from '../errors.js'
import type { ErrorAnswer } from './answer.js'
import { hasBody } from './body.js'
import { STATUS } from './status.js'

/** Seconds after which a client that was refused may try again. */
const RETRY_AFTER = 1

/** Whatever was thrown, as an error with a code that may be shown to a stranger. */
export function asFailure(error: unknown): ShowtellError {
  if (error instanceof ShowtellError) return error
  // Messages of such errors speak of the request only.
  if (statusOf(error) !== undefined)
    return new ShowtellError('INVALID_ARGUMENT', messageOf(error), { cause: error })
  return internal(error)
}

/** The status that an error of express says it means, if it is one of 400 to 499. */
function statusOf(error: unknown): number | undefined {
  const { status } = error as { status?: number }
  return status !== undefined && status >= 400 && status < 500 ? status : undefined
}

/** What a stranger is told of what went wrong here; the log gets the cause. */
export function internal(cause: unknown): ShowtellError {
  return new ShowtellError(
    'INTERNAL',
    'Expected to answer but failed; the log has more under this request id',
    { cause },
  )
}

/** How errors look in the protocols of others; code and request id come on top. */
const FOREIGN: readonly { readonly path: RegExp; readonly shape: (message: string) => object }[] = [
  { path: /^\/v2(\/|$)/, shape: (message) => ({ error: message }) },
  { path: /^\/model\//, shape: (message) => ({ status: 'error', message }) },
]

/** Answers with an error, `{ error: { code, message, where?, requestId } }`, or as the protocol of the path has it. */
function answerFailure(res: Response, failure: ShowtellError, status = STATUS[failure.code]): void {
  const { req } = res
  res.locals.code = failure.code
  if (failure.code === 'OVERLOADED') res.set('Retry-After', String(RETRY_AFTER))
  // A client that is still sending its body sees the answer only if the connection stays until it has done.
  if (!req.complete && hasBody(req) && !res.hasHeader('Connection')) {
    // By this header Node forgets that the client asked for an end, or speaks HTTP/1.0, and that the service drains.
    if (!res.shouldKeepAlive) endAfter(res)
    res.set('Connection', 'keep-alive')
  }
  const { code, message, where } = failure
  const requestId = String(req.id)
  const foreign = FOREIGN.find(({ path }) => path.test(req.path))
  const answer: ErrorAnswer = {
    error: { code, message, ...(where === undefined ? {} : { where }), requestId },
  }
  res.status(status).json(foreign === undefined ? answer : { ...foreign.shape(message), code, requestId })
}

/** Ends the connection once the request has come and its answer gone. */
function endAfter(res: Response): void {
  const { req } = res
  const open = new Set([req, res])
  for (const one of open)
    one.once('close', () => {
      open.delete(one)
      if (open.size === 0) req.socket.destroySoon()
    })
}

/**
 * Before log and metrics, which look at a response when it finishes or closes: notes that its client did not get it. Its
 * route finds that out later or, where it has answered, never. Of one that was cut here the client did nothing wrong.
 */
export const noteAborted: RequestHandler = (req, res, next) => {
  const note = (): void => {
    res.off('finish', note).off('close', note)
    // Node calls a response finished, too, that was cut with its connection.
    if (res.writableFinished && !req.socket.destroyed) return
    const code: ErrorCode = res.locals.isCut === true ? 'DEADLINE' : 'ABORTED'
    res.statusCode = STATUS[code]
    res.locals.code = code
  }
  res.once('finish', note).once('close', note)
  next()
}

/** The last middleware: every error that a route threw becomes an answer. */
export const answerErrors: ErrorRequestHandler = (error, _req, res, _next) => {
  const failure = asFailure(error)
  // For the log, which pino-http writes when the answer is through; what a client did wrong needs no stack there.
  if (STATUS[failure.code] >= 500) res.err = failure.cause instanceof Error ? failure.cause : failure
  if (res.headersSent) res.destroy()
  else answerFailure(res, failure, statusOf(error))
}

/** No route of that path. */
export const notFound: RequestHandler = (req) => {
  throw new ShowtellError('NOT_FOUND', `Expected a path of this service but received ${req.path}`, {
    where: req.path,
  })
}

/** A route of that path, but not by that method. */
export function only(method: string): RequestHandler {
  return (req, res) => {
    res.set('Allow', method)
    answerFailure(res, expected(method, `the method of ${req.path}`, req.method), 405)
  }
}
