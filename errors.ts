/** Stable codes of every error this project raises on purpose. HTTP status codes are chosen from them in `server/` only. */
export type ErrorCode =
  | 'INVALID_ARGUMENT'
  | 'INVALID_IMAGE'
  | 'IMAGE_TOO_LARGE'
  | 'UNSUPPORTED_IMAGE'
  | 'INVALID_DATA'
  | 'INVALID_BUNDLE'
  | 'NOT_FOUND'
  | 'ENGINE_UNAVAILABLE'
  | 'NUMERIC'
  | 'ABORTED'
  | 'UNAUTHORIZED'
  | 'RATE_LIMITED'
  | 'SLOW_BODY'
  | 'OVERLOADED'
  | 'DEADLINE'
  | 'INTERNAL'

/** The one error class. `where` names the file, weight or option that the message speaks of. */
export class ShowtellError extends Error {
  readonly code: ErrorCode
  readonly where: string | undefined

  constructor(code: ErrorCode, message: string, options: { where?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ShowtellError'
    this.code = code
    this.where = options.where
  }
}

/** An error as it crosses to another thread or process, where classes are lost: one of ours, or one nobody expected. */
export type PlainError =
  | { readonly code: ErrorCode; readonly message: string; readonly where: string | undefined }
  | { readonly message: string; readonly stack: string | undefined }

export function toPlain(error: unknown): PlainError {
  if (error instanceof ShowtellError) return { code: error.code, message: error.message, where: error.where }
  return { message: messageOf(error), stack: error instanceof Error ? error.stack : undefined }
}

/** A ShowtellError where it was one; else an Error with the stack of where it was thrown. */
export function fromPlain(plain: PlainError): Error {
  if ('code' in plain) {
    const { code, message, where } = plain
    return new ShowtellError(code, message, where === undefined ? {} : { where })
  }
  const { message, stack } = plain
  return Object.assign(new Error(message), stack === undefined ? {} : { stack })
}

/** `Expected an integer from 1 to 20 for beamSize but received 0`: the grammar of every message about a value. */
export function expected(
  what: string,
  where: string,
  received: unknown,
  code: ErrorCode = 'INVALID_ARGUMENT',
): ShowtellError {
  return new ShowtellError(code, `Expected ${what} for ${where} but received ${describe(received)}`, {
    where,
  })
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The first characters of a text, well-formed: the cut may go through one. */
export function beginningOf(text: string, most: number): string {
  return text.slice(0, most).replace(/\p{Surrogate}/gu, '\uFFFD')
}

function describe(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 80 ? `${beginningOf(value, 77)}…` : value)
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean')
    return String(value)
  if (Array.isArray(value))
    return value.length <= 8 ? `[${value.map(describe).join(', ')}]` : `${value.length} values`
  return typeof value
}
