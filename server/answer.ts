import { z } from 'zod'
import { CODES } from './status.js'

/** The schemas of our own answers: the types follow from them, and so does what /openapi.json says. */

export const captionSchema = z.object({
  text: z.string().describe('As people read it'),
  tokens: z.array(z.string()).readonly(),
  logProb: z.number().describe('Sum of the log-probabilities of the tokens and the end, nats'),
  wordLogProbs: z.array(z.number()).readonly().describe('Log-probability of each token, nats'),
  score: z.number().describe('logProb after length normalisation'),
  confidence: z
    .number()
    .describe(
      'Calibrated probability that people would name every object that the caption names; ½ where the model is not calibrated',
    ),
  attention: z
    .array(z.array(z.number()).readonly())
    .readonly()
    .exactOptional()
    .describe('Where the model looked: a row a token, a share a region, to four decimals'),
})

const named = { file: z.string().exactOptional().describe('The name that came with the photo') }

export const timingSchema = z
  .object({ decode: z.number(), encode: z.number(), search: z.number() })
  .describe('Milliseconds of the batch a photo; 0 where the answer was known')
export const captionedPhotoSchema = z.object({
  ...named,
  captions: z.array(captionSchema).readonly().describe('The best first'),
  timing: timingSchema,
})
export const codeSchema = z.enum(CODES)
export const photoErrorSchema = z.object({ code: codeSchema, message: z.string() })
export const failedPhotoSchema = z.object({ ...named, error: photoErrorSchema })
export const photoResultSchema = z.union([captionedPhotoSchema, failedPhotoSchema])
/** One photo of the answer: its captions, or why there are none. */
export type PhotoResult = Readonly<z.output<typeof photoResultSchema>>

/** The answer to `POST /v1/captions`: one result a photo, in the order of the request. */
export const captionsAnswerSchema = z.object({
  model: z.string(),
  version: z.string().exactOptional().describe('Of the model; absent where another took its place meanwhile'),
  requestId: z.string(),
  results: z.array(photoResultSchema).readonly(),
})
export type CaptionsAnswer = Readonly<z.output<typeof captionsAnswerSchema>>

/** The answer to a request that failed as a whole. */
export const errorAnswerSchema = z.object({
  error: z.object({
    code: codeSchema,
    message: z.string(),
    where: z.string().exactOptional().describe('The option, part or file that the message speaks of'),
    requestId: z.string(),
  }),
})
export type ErrorAnswer = Readonly<z.output<typeof errorAnswerSchema>>

export const modelSchema = z.object({
  name: z.string(),
  version: z.string().describe('Tells models of the same name apart'),
  encoder: z.string(),
  cell: z.string(),
  attention: z.string(),
  styles: z.array(z.string()).readonly(),
  vocabularySize: z.int(),
  // An array and no tuple: generators of clients know no prefixItems.
  grid: z.array(z.int()).length(2).describe('Rows and columns of the regions of attention'),
  engine: z.string().describe('What runs the model'),
  calibrated: z.boolean().describe('Whether confidences mean something, or are all ½'),
  terms: z.string().exactOptional().describe('What it may be used for'),
})

export const modelsSchema = z.object({ models: z.array(modelSchema) })
export const statusSchema = z.object({ status: z.string() })
