import { type Command, Option } from 'commander'
import type { z } from 'zod'
import { validate, wantedBy } from '../decoder/validate.js'
import type { Engine } from '../engine/backends.js'
import { expected } from '../errors.js'

type Presets = Readonly<Record<string, unknown>>

/** Adds an option for each field that a schema describes, with the preset that it has, here or there. */
export function addSchemaOptions(command: Command, schema: z.ZodObject, presets: Presets = {}): Command {
  for (const [name, wanted] of Object.entries(wantedBy(schema).properties ?? {})) {
    if (wanted.description === undefined) continue
    const isNumber = wanted.type === 'integer' || wanted.type === 'number'
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    const option = new Option(`${flag} <${isNumber ? 'n' : 'name'}>`, wanted.description)
    if (isNumber) option.argParser(number(flag))
    command.addOption(option.default(presets[name] ?? wanted.default))
  }
  return command
}

/** `--engine`: `auto`, or one of those that a command runs on. */
export function engineOption(engines: readonly Engine[]): Option {
  const names = new Set(['auto', ...engines])
  return new Option('--engine <name>', `what runs the model: ${[...names].join(', ')}`).default('auto')
}

/** Reads a number, whose range is a matter of the schema. @throws ShowtellError INVALID_ARGUMENT naming the option. */
export function number(option: string): (text: string) => number {
  return (text) => {
    const value = numberOf(text)
    if (Number.isNaN(value)) throw expected('a number', option, text)
    return value
  }
}

/** Reads a number of things. @throws ShowtellError INVALID_ARGUMENT naming the option. */
export function positive(option: string): (text: string) => number {
  return integerFrom(1, 'a positive integer', option)
}

/** Reads a seed, in the range that the schemas have. @throws ShowtellError INVALID_ARGUMENT naming the option. */
export function natural(option: string): (text: string) => number {
  return integerFrom(0, 'an integer of 0 or more', option)
}

function integerFrom(least: number, what: string, option: string): (text: string) => number {
  return (text) => {
    const value = numberOf(text)
    if (!Number.isSafeInteger(value) || value < least) throw expected(what, option, text)
    return value
  }
}

/** What `name=path` says. @param form how the option's help writes it. @throws ShowtellError INVALID_ARGUMENT. */
export function namedPath(given: string, form: string, option: string): [name: string, path: string] {
  const [, name, path] = /^([^=]+)=(.+)$/.exec(given) ?? []
  if (name === undefined || path === undefined) throw expected(form, option, given)
  return [name, path]
}

/** Of an empty text Number makes 0. */
function numberOf(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text)
}

/** What the options say of a schema's fields, with what they do not say. @throws ShowtellError INVALID_ARGUMENT. */
export function fromOptions<S extends z.ZodObject>(
  schema: S,
  options: Readonly<Record<string, unknown>>,
  others: Presets = {},
): z.output<S> {
  const named = Object.keys(schema.shape).filter((name) => options[name] !== undefined)
  return validate(schema, { ...Object.fromEntries(named.map((name) => [name, options[name]])), ...others })
}
