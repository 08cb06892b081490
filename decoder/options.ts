import { z } from 'zod'

/** Words that are learnt of a caption, and said where nothing else is asked for. */
export const MOST_WORDS = 16
/** Words that can be asked for. */
export const LONGEST = 50

/** Everything one may ask of a caption. The one definition of names, ranges and defaults for library, command line and service. */
export const captionOptionsSchema = z.strictObject({
  count: z
    .int()
    .min(1)
    .max(10)
    .default(1)
    .describe('Captions returned a photo: the best, then others that differ in content'),
  beamSize: z.int().min(1).max(20).default(3).describe('Hypotheses kept while searching; 1 is greedy'),
  maxLength: z.int().min(1).max(LONGEST).default(MOST_WORDS).describe('Most words of a caption'),
  minLength: z.int().min(0).max(LONGEST).default(4).describe('Fewest words of a caption'),
  lengthPenalty: z.number().min(0).max(2).default(0.7).describe('score = logProb / words ^ lengthPenalty'),
  noRepeatNgram: z
    .int()
    .min(0)
    .max(10)
    .default(3)
    .describe('Length of the word sequences that may not come twice; 0 allows all'),
  noRepeatContentWord: z.boolean().default(true).describe('Forbid naming the same content word twice'),
  noDanglingEnd: z.boolean().default(true).describe('Forbid ending on a word such as "with" or "a"'),
  bannedWords: z.array(z.string().max(50)).max(1000).default([]).describe('Words that may not appear'),
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
    .max(40)
    .optional()
    .describe('Which data set to sound like, one of the styles of the model'),
  genderNeutral: z
    .boolean()
    .default(false)
    .describe('Say person, people or child, and no word that names a gender'),
  minConfidence: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Below this confidence the wording says "Possibly …"'),
  attention: z.boolean().default(false).describe('Return where the model looked at each word'),
})

/** Options with every default filled in. */
export type CaptionOptions = z.output<typeof captionOptionsSchema>
/** Options as a caller gives them. */
export type CaptionRequest = z.input<typeof captionOptionsSchema>
