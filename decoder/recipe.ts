import { z } from 'zod'
import { warmUpSchema, withWarmUp } from '../engine/warm-up.js'
import { LONGEST, MOST_WORDS } from './options.js'

/** What a training makes better: the likelihood of the captions that people wrote, or the CIDEr-D of its own. */
export const OBJECTIVES = ['cross-entropy', 'cider'] as const

/** Steps of warm-up at most, where nothing is said of them. */
const MOST_WARM_UP = 150

/** The recipe; most defaults are those of the first training behind the shipped bundle (docs/quality.md). */
export const trainingConfigSchema = z.strictObject({
  objective: z
    .enum(OBJECTIVES)
    .default('cross-entropy')
    .describe(`what is learnt from: ${OBJECTIVES.join(' or ')}`),
  epochs: z.int().min(1).default(10).describe('passes over the photos'),
  imagesPerBatch: z.int().min(1).default(26).describe('photos a step'),
  captionsPerImage: z.int().min(1).default(5).describe('true captions a photo and step'),
  maxLength: z.int().min(2).max(LONGEST).default(MOST_WORDS).describe('words of a caption that are learnt'),
  learningRate: z.number().positive().default(7e-4).describe('the highest; it falls as half a cosine'),
  warmUpSteps: warmUpSchema(MOST_WARM_UP),
  weightDecay: z.number().min(0).default(0.01).describe('of matrices, times the learning rate'),
  clipNorm: z.number().positive().default(2).describe('longest gradient, over all weights'),
  averageDecay: z
    .number()
    .min(0)
    .lt(1)
    .default(0.998)
    .describe('of the moving average of the weights, which is what is kept'),
  dropout: z.number().min(0).lt(1).default(0.3).describe('share of values that a step does without'),
  labelSmoothing: z
    .number()
    .min(0)
    .lt(1)
    .default(0.1)
    .describe('for cross-entropy: share of the target given to all words'),
  samplesPerImage: z.int().min(2).default(5).describe('for cider: captions drawn a photo and step'),
  crossEntropyWeight: z
    .number()
    .min(0)
    .default(0.2)
    .describe('for cider: weight of the cross-entropy beside the reward'),
  photoWordsWeight: z
    .number()
    .min(0)
    .default(0)
    .describe("weight of the loss of the words that the photo's captions have; wants word memory"),
  repetitionWeight: z
    .number()
    .min(0)
    .default(0)
    .describe('weight of the probability of saying a word of content again'),
  distillationWeight: z
    .number()
    .min(0)
    .max(1)
    .default(0.7)
    .describe('with teachers: share of the loss that is what they hold likely in place of what people wrote'),
  fineTuneEncoder: z
    .int()
    .min(1)
    .optional()
    .describe("train the encoder's last n blocks too, on photos in place of features"),
  encoderLearningRate: z
    .number()
    .positive()
    .optional()
    .describe("learning rate of those blocks; the decoder's when absent"),
  seed: z.int().min(0).default(1).describe('of all that is drawn'),
})
export type TrainingConfig = z.infer<typeof trainingConfigSchema>

/** A recipe for a known number of steps: it says how many are warm-up. */
export type SettledConfig = ReturnType<typeof settled>

/** A recipe for so many steps, with what it does not say of them. */
export function settled(recipe: TrainingConfig, totalSteps: number) {
  return withWarmUp(trainingConfigSchema, recipe, totalSteps, MOST_WARM_UP)
}

/** A recipe without what a training does not look at, for people. */
export function statedRecipe(recipe: TrainingConfig, isTaught: boolean): Partial<TrainingConfig> {
  const { labelSmoothing, samplesPerImage, crossEntropyWeight, distillationWeight, ...shared } = recipe
  if (shared.objective === 'cider') return { ...shared, samplesPerImage, crossEntropyWeight }
  return { ...shared, labelSmoothing, ...(isTaught ? { distillationWeight } : {}) }
}
