import type { Command } from 'commander'
import type { z } from 'zod'
import { decoderConfigSchema } from '../decoder/decoder.js'
import { trainingConfigSchema } from '../decoder/recipe.js'
import { BACKENDS, type Backend } from '../engine/backends.js'
import { addGraphOptions, type GraphOptions } from './encoder-options.js'
import { addSchemaOptions, engineOption, positive } from './schema-options.js'

/** What a command that trains is given about photos, decoder and engine; the recipe has the names of its fields. */
export interface TrainingOptions extends GraphOptions {
  data: string[]
  encoderWeights?: string
  minimumCount: number
  engine: Backend | 'auto'
  [shapeOrRecipe: string]: unknown
}

/** The decoder that is trained where nothing is said of it. */
const USUAL = {
  cell: 'lstm',
  layers: 1,
  connection: 'plain',
  attention: 'additive',
  embeddingSize: 256,
  units: 512,
  regionSize: 512,
  attentionUnits: 256,
} satisfies Partial<z.input<typeof decoderConfigSchema>>

/** What the options say of a decoder; the vocabulary and the features say the rest. */
export const shapeSchema = decoderConfigSchema.omit({ vocabularySize: true, regions: true, channels: true })
export const SHAPE = Object.keys(shapeSchema.shape)

/** Adds the options of `TrainingOptions`. @param recipe what of the recipe is asked for. */
export function addTrainingOptions(command: Command, recipe: z.ZodObject = trainingConfigSchema): Command {
  command
    .requiredOption('--data <style=captions...>', 'caption files, each with the name of its style')
    .option('--encoder-weights <file>', 'the weights that prepare was given; they go into the bundle')
  addSchemaOptions(command, decoderConfigSchema.omit({ wordMemory: true }), USUAL)
  command
    .option('--no-word-memory', 'a decoder that does not hold the words said so far against the next one')
    .option(
      '--minimum-count <n>',
      'how often a word must occur to be in the vocabulary',
      positive('--minimum-count'),
      4,
    )
    .addOption(engineOption(BACKENDS))
  addGraphOptions(command, ['encoderWeights'])
  return addSchemaOptions(command, recipe)
}
