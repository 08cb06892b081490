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

/** Longer than the path of any photo, and much shorter than a photo that somebody takes for its path. */
const MOST_WHERE = 500

/**
 * The one error class. `where` names the file, weight or option that the message speaks of; of a very long one its
 * beginning, in the message too.
 */
export class ShowtellError extends Error {
  readonly code: ErrorCode
  readonly where: string | undefined

  constructor(
    code: ErrorCode,
    message: string,
    { where, cause }: { readonly where?: string | undefined; readonly cause?: unknown } = {},
  ) {
    const isLong = where !== undefined && where.length > MOST_WHERE
    const named = isLong ? `${beginningOf(where, MOST_WHERE)}…` : where
    const told = isLong ? message.replaceAll(where, () => named!) : message
    super(told, cause === undefined ? undefined : { cause })
    this.name = 'ShowtellError'
    this.code = code
    this.where = named
  }

  /** What JSON says of it: of other errors it leaves out the message. */
  toJSON(): { readonly code: ErrorCode; readonly message: string; readonly where: string | undefined } {
    return { code: this.code, message: this.message, where: this.where }
  }
}

/** An error as it crosses to another thread or process, where classes are lost: one of ours, or one nobody expected. */
export type PlainError =
  | ReturnType<ShowtellError['toJSON']>
  | { readonly message: string; readonly stack: string | undefined }

export function toPlain(error: unknown): PlainError {
  if (error instanceof ShowtellError) return error.toJSON()
  return { message: messageOf(error), stack: error instanceof Error ? error.stack : undefined }
}

/** A ShowtellError where it was one; else an Error with the stack of where it was thrown. */
export function fromPlain(plain: PlainError): Error {
  if ('code' in plain) return new ShowtellError(plain.code, plain.message, { where: plain.where })
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

/** Of a file of this package that is not beside its code. @param name what the path ends in */
export function leftBehind(name: string, path: string, cause?: unknown): ShowtellError {
  return new ShowtellError(
    'NOT_FOUND',
    `Expected ${name} of showtell at ${path} but found none; keep showtell external when bundling`,
    { where: path, cause },
  )
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
