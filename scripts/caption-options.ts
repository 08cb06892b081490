import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { isPhotoName } from '../data/photo-names.js'
import { type CaptionRequest, captionFieldsSchema } from '../decoder/options.js'
import { rangeOf, wantedBy } from '../decoder/validate.js'
import { shippedBundle } from '../engine/shipped.js'
import { expected } from '../errors.js'
import { number } from './schema-options.js'

/** The flag of each option that a command line takes; ranges and defaults are the schema's. */
const FLAGS = {
  count: '--count <n>',
  beamSize: '--beam-size <n>',
  maxLength: '--max-length <n>',
  minLength: '--min-length <n>',
  lengthPenalty: '--length-penalty <x>',
  // Commander reads --no-… as a negation, so these are named otherwise.
  noRepeatNgram: '--block-ngram <n>',
  noRepeatContentWord: '--allow-repeated-words',
  noDanglingEnd: '--allow-dangling-end',
  bannedWords: '--ban <words...>',
  temperature: '--temperature <x>',
  topP: '--top-p <x>',
  seed: '--seed <n>',
  style: '--style <name>',
  genderNeutral: '--gender-neutral',
  minConfidence: '--min-confidence <x>',
} as const satisfies Partial<Record<keyof CaptionRequest, string>>

type Flag = keyof typeof FLAGS

/** Bans that a flag takes away. */
const ALLOWED: Partial<Record<Flag, string>> = {
  noRepeatContentWord: 'let a caption name the same content word twice',
  noDanglingEnd: 'let a caption break off: "a man sitting on a"',
}

/** What a command calls the caption options. */
export const CAPTION_OPTIONS: readonly string[] = Object.values(FLAGS).map(attributeOf)

function attributeOf(flag: string): string {
  return new Option(flag).attributeName()
}

/** Adds the caption options to a command. */
export function addCaptionOptions(command: Command): Command {
  const fields = wantedBy(captionFieldsSchema).properties!
  for (const [name, flag] of Object.entries(FLAGS) as [Flag, string][]) {
    const wanted = fields[name]!
    const isNumber = typeof wanted.default === 'number'
    const range = isNumber ? `;${rangeOf(wanted)}` : ''
    const option = new Option(flag, `${ALLOWED[name] ?? wanted.description}${range}`)
    if (isNumber) option.default(wanted.default).argParser(number(option.long!))
    command.addOption(option)
  }
  return command
}

/** The captioner, or captioners that speak together. Given once each, since photos may follow. */
export function bundleOption(): Option {
  return new Option(
    '--bundle <folder>',
    'captioner to use, or the name of one that ships; showtell-base when absent. Given several times, for captioners of the same words and size of photos, the mean of their probabilities speaks',
  ).argParser((folder, before?: string[]) => [...(before ?? []), folder])
}

/** The options as the library takes them. @throws ShowtellError INVALID_ARGUMENT for a photo that stands behind `--ban`. */
export function captionRequest(options: Readonly<Record<string, unknown>>): CaptionRequest {
  const { ban = [] } = options as { ban?: readonly string[] }
  const photo = ban.find(isPhotoName)
  if (photo !== undefined) throw expected('words (photos come before it, or after --)', '--ban', photo)
  const request: Record<string, unknown> = {}
  for (const [name, flag] of Object.entries(FLAGS) as [Flag, string][]) {
    const given = options[attributeOf(flag)]
    if (given === undefined) continue
    request[name] = name in ALLOWED ? given !== true : given
  }
  return request as CaptionRequest
}

/** What the captioner that ships may be used for, to stand under the help; empty where it does not say. */
export function termsOfShipped(): string {
  const file = join(shippedBundle(), 'config.json')
  if (!existsSync(file)) return ''
  const { name, terms } = JSON.parse(readFileSync(file, 'utf8')) as { name: string; terms?: string }
  return terms === undefined ? '' : `\nTerms of ${name}, the captioner that ships:\n${terms}`
}
