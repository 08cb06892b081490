import type { ErrorCode } from '../errors.js'
import { type JsonSchema, ref, type SchemaName } from './schemas.js'
import { STATUS } from './status.js'

type Content = Readonly<Record<string, { readonly schema: object }>>

interface Response {
  readonly description: string
  readonly content?: Content
  readonly headers?: object
}

/** One operation of the specification. */
export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly tags: readonly string[]
  readonly parameters?: readonly object[]
  readonly requestBody?: { readonly required: true; readonly content: Content }
  readonly responses: Readonly<Record<string, Response>>
  readonly security?: readonly object[]
}

/** The way to say what a route takes and gives, for https://spec.openapis.org/oas/v3.1.1. */
export type Paths = Record<string, { get?: Operation; post?: Operation }>

export const BYTES = { type: 'string', format: 'binary' }
export const TEXT: JsonSchema = { type: 'string' }
export const REQUEST_ID = {
  'X-Request-Id': { schema: TEXT, description: 'Of the request, else made for it' },
}

/** What any request may say of itself. Another text than this is no error: an id is made then. */
const GIVEN_ID = {
  name: 'X-Request-Id',
  in: 'header',
  schema: TEXT,
  description: 'Repeated in answer and log; 1 to 64 letters, digits, dots, hyphens and low lines',
}

/** The same operations, each with what any request may say. */
export function identified(paths: Paths): Paths {
  const entries = Object.entries(paths).map(([path, methods]) => {
    const operations = Object.entries(methods).map(([method, operation]) => [
      method,
      { ...operation, parameters: [...(operation.parameters ?? []), GIVEN_ID] },
    ])
    return [path, Object.fromEntries(operations)]
  })
  return Object.fromEntries(entries)
}

/** Errors that any guarded route may give, those of a body that is not read, of one that is, and of photos. */
export const GUARD = ['UNAUTHORIZED', 'RATE_LIMITED', 'INTERNAL'] as const
export const UNREAD = ['IMAGE_TOO_LARGE', 'UNSUPPORTED_IMAGE', 'OVERLOADED'] as const
export const BODY = ['INVALID_ARGUMENT', 'SLOW_BODY', ...UNREAD] as const
export const PHOTOS = ['INVALID_IMAGE', 'DEADLINE'] as const

export const json = (name: SchemaName): Content => ({ 'application/json': { schema: ref(name) } })

export function ok(
  name: SchemaName,
  description = 'The answer',
  headers: object = {},
): Record<string, Response> {
  return { 200: { description, content: json(name), headers: { ...REQUEST_ID, ...headers } } }
}

/** Responses by status; the description lists the codes. */
export function errors(codes: readonly ErrorCode[], name: SchemaName = 'Error'): Record<string, Response> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of codes) byStatus.set(STATUS[code], [...(byStatus.get(STATUS[code]) ?? []), code])
  return Object.fromEntries(
    [...byStatus].map(([status, found]) => {
      const retry = status === 503 || status === 429
      const headers = { ...REQUEST_ID, ...(retry ? { 'Retry-After': { schema: { type: 'integer' } } } : {}) }
      return [status, { description: found.join(', '), content: json(name), headers }]
    }),
  )
}
