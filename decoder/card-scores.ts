import { z } from 'zod'
import { validate } from './validate.js'

const shares = z.record(z.string(), z.number())
const genderSchema = z.object({
  gendered: z.number(),
  supported: z.number(),
  contrary: z.number(),
  unfounded: z.number(),
  named: z.object({ women: z.number(), men: z.number() }),
  referenced: z.object({ women: z.number(), men: z.number() }),
})
const diversitySchema = z.object({
  distinct: z.number(),
  vocabulary: z.number(),
  repeating: z.number(),
  dangling: z.number(),
  copied: z.number().optional(),
})
const objectsSchema = z.object({ unsupportedCaptions: z.number(), found: z.number() })
const calibrationSchema = z.object({
  captions: z.int(),
  right: z.number(),
  error: z.number(),
  chance: z.number(),
  auroc: z.number(),
  bins: z.array(z.object({ captions: z.int(), confidence: z.number(), right: z.number() })),
})

/** What both an evaluation and the card of a bundle hold. */
const sharedSchema = z.object({
  images: z.int().min(1),
  corpus: shares,
  intervals: z.record(z.string(), z.object({ low: z.number(), high: z.number() })),
  paraphrases: z.boolean().optional(),
  frequencies: z.int().optional(),
  objects: objectsSchema,
  diversity: diversitySchema,
  gender: genderSchema,
  calibration: calibrationSchema.optional(),
  people: z
    .object({
      references: z.int(),
      human: shares,
      candidate: shares,
      objects: objectsSchema,
      diversity: diversitySchema,
      gender: genderSchema,
    })
    .optional(),
})

/** Of what `showtell evaluate --json` writes, what a card is made from. */
const evaluationSchema = sharedSchema.extend({
  captions: z.record(z.string(), z.string()),
  perImage: z.record(z.string(), shares),
  unsupportedObjects: z.record(z.string(), z.array(z.string())),
  confidences: shares.optional(),
  subjects: z.record(z.string(), z.object({ photos: z.int(), named: z.int() })).optional(),
})

/** What the card of a bundle tells of one set of photos. */
export const cardScoresSchema = sharedSchema.extend({
  /** What people call the set. */
  set: z.string().min(1),
  subjects: z.object({ photos: z.int(), named: z.int() }).optional(),
  /** Captions that name what no reference names. */
  failures: z.array(
    z.object({
      image: z.string(),
      caption: z.string(),
      unsupported: z.array(z.string()),
      confidence: z.number().optional(),
    }),
  ),
})
export type CardScores = z.infer<typeof cardScoresSchema>

/** Failures shown of a set. */
const SHOWN = 5

/**
 * What a card tells of an evaluation. The failures are those captions that the model is surest of, or, of captions
 * without confidences, those with the lowest CIDEr, among all that name an object no reference names.
 * @param evaluation what `showtell evaluate --json` wrote
 * @param where its file, for messages
 * @param isCalibrated whether the bundle is; otherwise confidences mean nothing and are passed over
 * @throws ShowtellError INVALID_ARGUMENT naming what is missing
 */
export function cardScoresOf(
  set: string,
  evaluation: unknown,
  where: string,
  isCalibrated = true,
): CardScores {
  const { captions, perImage, unsupportedObjects, confidences, calibration, subjects, ...scores } = validate(
    evaluationSchema,
    evaluation,
    where,
  )
  const failed = Object.entries(unsupportedObjects).map(([image, unsupported]) => {
    const confidence = isCalibrated ? confidences?.[image] : undefined
    const failure = { image, caption: captions[image] ?? '', unsupported }
    return confidence === undefined ? failure : { ...failure, confidence }
  })
  const telling = (failure: (typeof failed)[number]): number =>
    'confidence' in failure ? -failure.confidence : (perImage[failure.image]?.CIDEr ?? 0)
  const total = (of: 'photos' | 'named'): number =>
    Object.values(subjects ?? {}).reduce((sum, subject) => sum + subject[of], 0)
  return {
    set,
    ...scores,
    ...(isCalibrated && calibration !== undefined ? { calibration } : {}),
    ...(subjects === undefined ? {} : { subjects: { photos: total('photos'), named: total('named') } }),
    failures: failed.sort((a, b) => telling(a) - telling(b)).slice(0, SHOWN),
  }
}
