import type { ErrorRequestHandler, RequestHandler, Response } from 'express'
import { type ErrorCode, expected, messageOf, ShowtellError } from '../errors.js'
import type { ErrorAnswer } from './answer.js'

/** The one place that turns codes into HTTP statuses. */
const STATUS: Readonly<Record<ErrorCode, number>> = Object.freeze({
  INVALID_ARGUMENT: 400,
  INVALID_DATA: 400,
  UNAUTHORIZED: 401,
  NOT_FOUND: 404,
  SLOW_BODY: 408,
  IMAGE_TOO_LARGE: 413,
  UNSUPPORTED_IMAGE: 415,
  INVALID_IMAGE: 422,
  RATE_LIMITED: 429,
  // The client has gone; nobody reads this.
  ABORTED: 499,
  INVALID_BUNDLE: 500,
  ENGINE_UNAVAILABLE: 500,
  NUMERIC: 500,
  INTERNAL: 500,
  OVERLOADED: 503,
  DEADLINE: 504,
})

/** Seconds after which a client that was refused may try again. */
const RETRY_AFTER = 1

/** Whatever was thrown, as an error with a code that may be shown to a stranger. */
export function asFailure(error: unknown): ShowtellError {
  if (error instanceof ShowtellError) return error
  const { status, type } = error as { status?: number; type?: string }
  if (type === 'entity.too.large')
    return new ShowtellError('IMAGE_TOO_LARGE', 'Expected a smaller body', {
      cause: error,
      where: 'the body',
    })
  // Errors of express and its body parsers say which 4xx they mean, and their messages speak of the request only.
  if (status !== undefined && status >= 400 && status < 500)
    return new ShowtellError('INVALID_ARGUMENT', messageOf(error), { cause: error })
  return new ShowtellError(
    'INTERNAL',
    'Expected to answer but failed; the log has more under this request id',
    {
      cause: error,
    },
  )
}

/** Answers with an error, `{ error: { code, message, where?, requestId } }`. */
function answerFailure(res: Response, failure: ShowtellError, status = STATUS[failure.code]): void {
  res.locals.code = failure.code
  if (failure.code === 'OVERLOADED') res.set('Retry-After', String(RETRY_AFTER))
  const { code, message, where } = failure
  const answer: ErrorAnswer = {
    error: { code, message, ...(where === undefined ? {} : { where }), requestId: String(res.req.id) },
  }
  res.status(status).json(answer)
}

/** The last middleware: every error that a route threw becomes an answer. */
export const answerErrors: ErrorRequestHandler = (error, _req, res, _next) => {
  const failure = asFailure(error)
  // For the log, which pino-http writes when the answer is through; what a client did wrong needs no stack there.
  if (STATUS[failure.code] >= 500) res.err = failure.cause instanceof Error ? failure.cause : failure
  if (res.headersSent) res.destroy()
  else answerFailure(res, failure)
}

/** No route of that path. */
export const notFound: RequestHandler = (req) => {
  throw new ShowtellError('NOT_FOUND', `Expected a path of this service but received ${req.path}`, {
    where: req.path,
  })
}

/** A route of that path, but not by that method. */
export function only(...methods: string[]): RequestHandler {
  return (req, res) => {
    res.set('Allow', methods.join(', '))
    answerFailure(res, expected(methods.join(' or '), `the method of ${req.path}`, req.method), 405)
  }
}
