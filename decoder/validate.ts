import { z } from 'zod'
import { expected, ShowtellError } from '../errors.js'

/** What a schema wants of one value, as JSON Schema tells it. */
export interface Wanted {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly items?: Wanted
  readonly anyOf?: readonly Wanted[]
  readonly properties?: Readonly<Record<string, Wanted>>
  /** Whether a wrong value is no one's business. */
  readonly secret?: boolean
}

/** Conversion takes milliseconds, and services ask at every request. */
const known = new WeakMap<z.ZodType, Wanted>()

/** Wrong values that are told of: each repeats what was expected, and somebody may send thousands. */
const MOST_TOLD = 10

/** What a schema wants, by name for an object. */
export function wantedBy(schema: z.ZodType): Wanted {
  const wanted = known.get(schema) ?? (z.toJSONSchema(schema, { io: 'input' }) as Wanted)
  known.set(schema, wanted)
  return wanted
}

/**
 * The value with every default filled in.
 * @throws ShowtellError INVALID_ARGUMENT with one message a wrong value, the first ten, joined by `; `; `where` is the first.
 */
export function validate<S extends z.ZodType>(schema: S, value: unknown, what = 'the options'): z.output<S> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const wanted = wantedBy(schema)
  const issues = parsed.error.issues.flatMap(closest).slice(0, MOST_TOLD + 1)
  const errors = issues.flatMap((issue) => {
    const { at, received, isSecret } = follow(wanted, value, issue.path)
    const where = issue.path.join('.') || what
    if (issue.code === 'unrecognized_keys') {
      const names = [...new Set(waysOf(at).flatMap((way) => Object.keys(way?.properties ?? {})))].join(', ')
      return issue.keys
        .slice(0, MOST_TOLD + 1)
        .map((key) => expected(`one of ${names}`, `a name in ${where}`, key))
    }
    if (issue.code === 'custom') return [new ShowtellError('INVALID_ARGUMENT', issue.message, { where })]
    return [expected(inWords(at), where, isSecret ? 'another' : received)]
  })
  const told = errors.slice(0, MOST_TOLD).map(({ message }) => message)
  const more = errors.length > MOST_TOLD ? ['and more'] : []
  throw new ShowtellError('INVALID_ARGUMENT', [...told, ...more].join('; '), {
    where: errors[0]?.where ?? what,
    cause: parsed.error,
  })
}

/** Of the ways to be right those that the value came closest to: of its type, with the fewest things wrong. */
function closest(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const near = issue.errors
    .filter((errors) => errors.every(({ code, path }) => code !== 'invalid_type' || path.length > 0))
    .map((errors) => errors.flatMap(closest))
  if (near.length === 0) return [issue]
  // What is wrong deep inside shows that the way to it was right, however much is wrong there.
  const wrong = (errors: readonly z.core.$ZodIssue[]): number => {
    const byName = new Map<PropertyKey | undefined, number>()
    for (const error of errors) {
      const names = error.code === 'unrecognized_keys' ? error.keys.length : 1
      const one = names / (error.path.length + 1)
      byName.set(error.path[0], Math.max(byName.get(error.path[0]) ?? 0, one))
    }
    return [...byName.values()].reduce((sum, one) => sum + one, 0)
  }
  const least = Math.min(...near.map(wrong))
  return near
    .filter((errors) => wrong(errors) === least)
    .flat()
    .map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }))
}

function follow(
  wanted: Wanted,
  value: unknown,
  path: readonly PropertyKey[],
): { at: Wanted | undefined; received: unknown; isSecret: boolean } {
  let at: Wanted | undefined = wanted
  let received = value
  let isSecret = false
  for (const key of path) {
    at = waysOf(at)
      .map((way) => (typeof key === 'number' ? way?.items : way?.properties?.[String(key)]))
      .find(Boolean)
    received = (received as Record<PropertyKey, unknown> | null | undefined)?.[key]
    isSecret ||= at?.secret === true
  }
  return { at, received, isSecret }
}

/** Where there are several ways to be right, all of them. */
function waysOf(wanted: Wanted | undefined): readonly (Wanted | undefined)[] {
  return wanted?.anyOf ?? [wanted]
}

/** `an integer from 1 to 20`. */
function inWords(wanted: Wanted | undefined): string {
  if (wanted?.enum !== undefined) return `one of ${wanted.enum.join(', ')}`
  if (wanted?.anyOf !== undefined) return [...new Set(wanted.anyOf.map(inWords))].join(' or ')
  switch (wanted?.type) {
    case 'integer':
      return `an integer${rangeOf(wanted)}`
    case 'number':
      return `a number${rangeOf(wanted)}`
    case 'boolean':
      return 'true or false'
    case 'string':
      return `text${amount(wanted.minLength, wanted.maxLength, 'characters')}`
    case 'array':
      return `a list${amount(wanted.minItems, wanted.maxItems, 'entries')}`
    default:
      return 'an object'
  }
}

/** ` from 1 to 20`, of a number; nothing where it may be any. */
export function rangeOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Wanted): string {
  const low =
    exclusiveMinimum !== undefined
      ? ` above ${exclusiveMinimum}`
      : minimum === undefined || minimum === Number.MIN_SAFE_INTEGER
        ? ''
        : ` from ${minimum}`
  const high =
    exclusiveMaximum !== undefined
      ? ` below ${exclusiveMaximum}`
      : maximum === undefined || maximum === Number.MAX_SAFE_INTEGER
        ? ''
        : ` to ${maximum}`
  return low + high
}

function amount(least: number | undefined, most: number | undefined, unit: string): string {
  if (least !== undefined && most !== undefined) return ` of ${least} to ${most} ${unit}`
  if (most !== undefined) return ` of at most ${most} ${unit}`
  return least === undefined ? '' : ` of at least ${least} ${unit}`
}
