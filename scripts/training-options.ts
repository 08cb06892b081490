import type { Command } from 'commander'
import type { z } from 'zod'
import type { decoderConfigSchema } from '../decoder/decoder.js'
import { trainingConfigSchema } from '../decoder/recipe.js'
import { BACKENDS, type Backend } from '../engine/backends.js'
import { ATTENTIONS } from '../rnn/attention.js'
import { CELLS } from '../rnn/cells.js'
import { CONNECTIONS } from '../rnn/connections.js'
import { addGraphOptions, type GraphOptions } from './encoder-options.js'
import { addSchemaOptions, number } from './schema-options.js'

/** What a command that trains is given about photos, decoder and engine; the recipe has the names of its fields. */
export interface TrainingOptions extends GraphOptions {
  data: string[]
  encoderWeights?: string
  minimumCount: number
  engine: Backend | 'auto'
  [shapeOrRecipe: string]: unknown
}

/** What the options say of a decoder; the vocabulary and the features say the rest. */
export const SHAPE = [
  ...(['cell', 'layers', 'connection', 'attention'] as const),
  ...(['units', 'embeddingSize', 'regionSize', 'attentionUnits', 'wordMemory'] as const),
] satisfies (keyof z.input<typeof decoderConfigSchema>)[]

/** Adds the options of `TrainingOptions`. @param recipe what of the recipe is asked for. */
export function addTrainingOptions(command: Command, recipe: z.ZodObject = trainingConfigSchema): Command {
  command
    .requiredOption('--data <style=captions...>', 'caption files, each with the name of its style')
    .option('--encoder-weights <file>', 'the weights that prepare was given; they go into the bundle')
    .option('--cell <name>', `recurrent cell, one of ${Object.keys(CELLS).join(', ')}`, 'lstm')
    .option('--layers <n>', 'layers of cells', number('--layers'), 1)
    .option('--connection <name>', `how layers are joined: ${Object.keys(CONNECTIONS).join(', ')}`, 'plain')
    .option('--attention <name>', `none, ${Object.keys(ATTENTIONS).join(', ')}`, 'additive')
    .option('--units <n>', 'units of the cell', number('--units'), 512)
    .option('--embedding-size <n>', 'size of the word vectors', number('--embedding-size'), 256)
    .option('--region-size <n>', 'size each region is projected to', number('--region-size'), 512)
    .option('--attention-units <n>', 'units of the attention', number('--attention-units'), 256)
    .option('--no-word-memory', 'a decoder that does not hold the words said so far against the next one')
    .option(
      '--minimum-count <n>',
      'how often a word must occur to be in the vocabulary',
      number('--minimum-count'),
      4,
    )
    .option('--engine <name>', `auto, ${BACKENDS.join(', ')}`, 'auto')
  addGraphOptions(command, ['encoderWeights'])
  return addSchemaOptions(command, recipe)
}

/** The recipe as the options have it, to be validated. */
export function recipeOf(options: TrainingOptions): Record<string, unknown> {
  return Object.fromEntries(Object.keys(trainingConfigSchema.shape).map((name) => [name, options[name]]))
}

/** The decoder as the options have it, to be validated with what vocabulary and features add. */
export function shapeOf(options: TrainingOptions): Record<string, unknown> {
  return Object.fromEntries(SHAPE.map((name) => [name, options[name]]))
}
