import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { type Bundle, type BundleConfig, encoderAt, encoderWeightsOf } from '../decoder/bundle.js'
import { Teachers } from '../decoder/distillation.js'
import { TunedFeatures } from '../decoder/fine-tuning.js'
import type { TrainingConfig } from '../decoder/recipe.js'
import { type Array32, type Encoder, randomEncoder } from '../encoder/encoder.js'
import { ENCODERS, encoderByName, statedSize } from '../encoder/encoders.js'
import { importEncoder } from '../encoder/imported.js'
import type { Backend } from '../engine/backends.js'
import { expected } from '../errors.js'
import { imageSizeOption } from './encoder-options.js'
import { leftOut } from './left-out.js'
import type { PhotoFolders } from './training-photos.js'

/** What is given to train blocks of the encoder too. */
export interface FineTuningOptions {
  images?: string[]
  encoder: string
  imageSize?: number
  encoderWeights?: string
  teachers?: string[]
}

/** Adds the options of fine-tuning that are none of the recipe; `others` are those that photos in place of features do not go with. */
export function addFineTuningOptions(command: Command, others: readonly string[]): Command {
  return command
    .addOption(
      new Option(
        '--images <style=folder...>',
        'with --fine-tune-encoder: the photos of each style of --data',
      ).conflicts([...others]),
    )
    .option(
      '--encoder <name>',
      `with --images and without --from: one of ${Object.keys(ENCODERS).join(', ')}`,
      'efficientnet-lite2',
    )
    .addOption(imageSizeOption(others))
    .addOption(
      new Option(
        '--teachers <bundles...>',
        'with --images: captioners of the same words to learn from beside what people wrote',
      ).conflicts([...others]),
    )
}

/**
 * The encoder to fine-tune: that of a bundle, or the one that is named, with weights of a file or, where all of it is
 * trained, random ones.
 * @returns the features, the encoder as it goes into a bundle, and the classifier that its weights came with, if any.
 */
export async function openTunedFeatures(
  { folders }: PhotoFolders,
  options: FineTuningOptions,
  { fineTuneEncoder: blocks, seed }: TrainingConfig,
  backend: Backend,
  teachers: readonly Bundle[],
  from?: Bundle,
): Promise<{
  features: TunedFeatures
  encoder: BundleConfig['encoder']
  classifier: Array32 | undefined
}> {
  if (blocks === undefined) throw expected('--fine-tune-encoder', '--images', blocks)
  const { imageSize } = options
  const encoder = from === undefined ? encoderByName(options.encoder, imageSize) : encoderAt(from, imageSize)
  const { weights, source, classifier } = await weightsToTune(encoder, blocks, options, seed, from)
  const onFallback = (reason: string): void => {
    process.stderr.write(`the blocks that are not trained run in TensorFlow.js, slower: ${reason}\n`)
  }
  const opened = teachers.length === 0 ? undefined : await Teachers.open(teachers, backend, onFallback)
  const features = await TunedFeatures.open(encoder, weights, {
    blocks,
    folders: Object.fromEntries(Object.entries(folders).map(([style, { path }]) => [style, path])),
    backend,
    onFallback,
    teachers: opened,
    onProblem: leftOut,
  }).catch(async (error) => {
    // Nobody else would close them.
    await opened?.close()
    throw error
  })
  const tuned = `${blocks === encoder.blocks.length ? 'all' : `the last ${blocks}`} of ${encoder.blocks.length} blocks tuned`
  // Tuned once more it is no other.
  return {
    features,
    encoder: {
      name: encoder.name,
      source: source.endsWith(tuned) ? source : `${source}; ${tuned}`,
      ...statedSize(encoder),
    },
    classifier,
  }
}

async function weightsToTune(
  encoder: Encoder,
  blocks: number,
  { encoderWeights }: FineTuningOptions,
  seed: number,
  from?: Bundle,
): Promise<{ weights: Readonly<Record<string, Array32>>; source: string; classifier?: Array32 | undefined }> {
  if (encoderWeights !== undefined) {
    const { weights, classifier } = await importEncoder(encoder, encoderWeights)
    return { weights, source: basename(encoderWeights), classifier }
  }
  if (from !== undefined) return { weights: encoderWeightsOf(from), source: from.config.encoder.source }
  if (blocks !== encoder.blocks.length)
    throw expected(
      `--encoder-weights, --from, or --fine-tune-encoder ${encoder.blocks.length}`,
      `${encoder.name}, of which some is not trained,`,
      blocks,
    )
  return { weights: randomEncoder(encoder, seed), source: 'random numbers' }
}
