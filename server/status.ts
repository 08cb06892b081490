import type { ErrorCode } from '../errors.js'

/** The one place that turns codes into HTTP statuses. */
export const STATUS: Readonly<Record<ErrorCode, number>> = Object.freeze({
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

/** Every code there is. */
export const CODES = Object.keys(STATUS) as ErrorCode[]

/** What is refused on purpose while there is too much to do: nothing is wrong here. */
export const REFUSALS: ReadonlySet<unknown> = new Set<ErrorCode>(['OVERLOADED', 'DEADLINE'])
