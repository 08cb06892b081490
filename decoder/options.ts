import { z } from 'zod'
import { tokenize } from '../data/tokenizer.js'
import { expected } from '../errors.js'
import type { ModelDescription } from './types.js'

/** Words that are learnt of a caption, and said where nothing else is asked for. */
export const MOST_WORDS = 16
/** Words that can be asked for. */
export const LONGEST = 50
/** Words that are said at least where nothing else is asked for. */
export const FEWEST_WORDS = 4
/** Characters of the name of a style. */
export const LONGEST_STYLE = 40

/** A ban of two words would ban nothing: captions are made of words. */
const bannedWord = z
  .string()
  .max(50)
  .superRefine((word, context) => {
    if (tokenize(word).length <= 1) return
    context.addIssue({ code: 'custom', message: expected('one word', 'bannedWords', word).message })
  })

/** Everything one may ask of a caption, each option by itself: whether `minLength` is above `maxLength` is not looked at. */
export const captionFieldsSchema = z.strictObject({
  count: z
    .int()
    .min(1)
    .max(10)
    .default(1)
    .describe('Captions returned a photo: the best, then others that differ in content'),
  beamSize: z.int().min(1).max(20).default(3).describe('Hypotheses kept while searching; 1 is greedy'),
  maxLength: z.int().min(1).max(LONGEST).default(MOST_WORDS).describe('Most words of a caption'),
  minLength: z.int().min(0).max(LONGEST).default(FEWEST_WORDS).describe('Fewest words of a caption'),
  lengthPenalty: z.number().min(0).max(2).default(0.7).describe('score = logProb / words ^ lengthPenalty'),
  noRepeatNgram: z
    .int()
    .min(0)
    .max(10)
    .default(3)
    .describe('Length of the word sequences that may not come twice; 0 allows all'),
  noRepeatContentWord: z.boolean().default(true).describe('Forbid naming the same content word twice'),
  noDanglingEnd: z.boolean().default(true).describe('Forbid ending on a word such as "with" or "a"'),
  bannedWords: z.array(bannedWord).max(1000).default([]).describe('Words that may not appear'),
  temperature: z
    .number()
    .min(0)
    .max(5)
    .default(0)
    .describe('0 searches; above 0 samples with this temperature'),
  topP: z
    .number()
    .gt(0)
    .max(1)
    .default(1)
    .describe('Sampling keeps the likeliest words of this total probability'),
  seed: z.int().min(0).max(4294967295).default(1).describe('Seed of sampling'),
  style: z
    .string()
    .min(1)
    .max(LONGEST_STYLE)
    .optional()
    .describe('Which data set to sound like, one of the styles of the model; its own when absent'),
  genderNeutral: z
    .boolean()
    .default(false)
    .describe('Say person, people or child, and no word that names a gender'),
  minConfidence: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Below this confidence the wording says "Possibly …"; above 0 wants a calibrated captioner'),
  attention: z.boolean().default(false).describe('Return where the model looked at each word'),
})

/** Everything one may ask of a caption. The one definition of names, ranges and defaults for library, command line and service. */
export const captionOptionsSchema = captionFieldsSchema.superRefine(({ minLength, maxLength }, context) => {
  if (minLength <= maxLength) return
  // Of the two the one that is not the default was asked for.
  const [name, error] =
    minLength === FEWEST_WORDS
      ? ['maxLength', expected(`an integer from minLength ${minLength}`, 'maxLength', maxLength)]
      : ['minLength', expected(`an integer up to maxLength ${maxLength}`, 'minLength', minLength)]
  context.addIssue({ code: 'custom', path: [name], message: error.message })
})

/** @throws ShowtellError INVALID_ARGUMENT for a style that is none of the model's. */
export function checkStyle(styles: readonly string[], style: string | undefined, where: string): void {
  if (style !== undefined && !styles.includes(style))
    throw expected(`one of ${styles.join(', ')}`, where, style)
}

/** @throws ShowtellError INVALID_ARGUMENT for a least confidence of a model that says ½ of everything. */
export function checkCalibrated(isCalibrated: boolean, minConfidence: number, where: string): void {
  if (minConfidence > 0 && !isCalibrated)
    throw expected('0, since the captioner is not calibrated,', where, minConfidence)
}

/** @throws ShowtellError INVALID_ARGUMENT for options that this model cannot keep. */
export function checkModel(
  { styles, calibrated }: Pick<ModelDescription, 'styles' | 'calibrated'>,
  { style, minConfidence }: Pick<CaptionOptions, 'style' | 'minConfidence'>,
): void {
  checkStyle(styles, style, 'style')
  checkCalibrated(calibrated, minConfidence, 'minConfidence')
}

/** Options with every default filled in. */
export type CaptionOptions = z.output<typeof captionOptionsSchema>

/** Options as a caller gives them: the schema's, written out for whoever reads them in an editor. */
export interface CaptionRequest {
  /** Captions returned a photo, the best first, then others that differ in content: 1 to 10, 1 by default. */
  readonly count?: number | undefined
  /** Hypotheses kept while searching, of which 1 is greedy: 1 to 20, 3 by default. */
  readonly beamSize?: number | undefined
  /** Most words of a caption: 1 to 50, 16 by default. */
  readonly maxLength?: number | undefined
  /** Fewest words of a caption: 0 to 50 and no more than `maxLength`, 4 by default. */
  readonly minLength?: number | undefined
  /** x in score = logProb / words ^ x: 0 to 2, 0.7 by default. */
  readonly lengthPenalty?: number | undefined
  /** Length of the word sequences that may not come twice, 0 allowing all: 0 to 10, 3 by default. */
  readonly noRepeatNgram?: number | undefined
  /** Forbid naming the same content word twice: true by default. */
  readonly noRepeatContentWord?: boolean | undefined
  /** Forbid ending on a word such as "with" or "a": true by default. */
  readonly noDanglingEnd?: boolean | undefined
  /** Words that may not appear: at most 1000, each one word of at most 50 characters; none by default. */
  readonly bannedWords?: readonly string[] | undefined
  /** 0 searches, above 0 samples with this temperature: 0 to 5, 0 by default. */
  readonly temperature?: number | undefined
  /** Sampling keeps the likeliest words of this total probability: above 0 and up to 1, 1 by default. */
  readonly topP?: number | undefined
  /** Seed of sampling: 0 to 4294967295, 1 by default. */
  readonly seed?: number | undefined
  /** Which data set to sound like, one of the model's `styles`; the model says which by default. */
  readonly style?: string | undefined
  /** Say person, people or child, and no word that names a gender: false by default. */
  readonly genderNeutral?: boolean | undefined
  /** Below this confidence the wording says "Possibly …": 0 to 1, 0 by default; above 0 wants a calibrated model. */
  readonly minConfidence?: number | undefined
  /** Return where the model looked at each word: false by default. */
  readonly attention?: boolean | undefined
}
