import { z } from 'zod'
import type { Caption, ModelDescription } from '../decoder/types.js'
import { codeSchema } from './answer.js'

/** IBM's Model Asset Exchange names three captions of a photo. */
export const MAX_CAPTIONS = 3

/** The answer to `POST /model/predict`, as IBM's MAX Image Caption Generator gives it. */
export const predictAnswerSchema = z.object({
  status: z.literal('ok'),
  predictions: z.array(
    z.object({
      index: z.string().describe('Rank from 0'),
      caption: z.string().describe('Lower case, words apart'),
      probability: z.number(),
    }),
  ),
})

export const maxErrorSchema = z.object({
  status: z.literal('error'),
  message: z.string(),
  code: codeSchema,
  requestId: z.string(),
})

/** The answer to `GET /model/metadata`. */
export const metadataSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  type: z.string(),
  source: z.string(),
  license: z.string().optional(),
})

export function predictAnswer(captions: readonly Caption[]): z.output<typeof predictAnswerSchema> {
  return {
    status: 'ok',
    predictions: captions.map(({ tokens, logProb }, i) => ({
      index: String(i),
      caption: tokens.join(' '),
      probability: Math.exp(logProb),
    })),
  }
}

export function metadataOf(model: ModelDescription): z.output<typeof metadataSchema> {
  const { name, encoder, cell, attention, terms } = model
  return {
    id: name,
    name,
    description: `Captions photos: ${encoder}, ${cell} with ${attention} attention`,
    type: 'Image-to-Text Translation',
    source: 'https://www.npmjs.com/package/showtell',
    ...(terms === undefined ? {} : { license: terms }),
  }
}
