import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { FeatureStore } from '../data/feature-store.js'
import { Vocabulary } from '../data/vocabulary.js'
import { readBundle, weightsOf, writeBundle } from '../decoder/bundle.js'
import { Decoder, decoderConfigSchema } from '../decoder/decoder.js'
import { StoredFeatures } from '../decoder/photo-features.js'
import { Training, trainingConfigSchema } from '../decoder/training.js'
import { validate } from '../decoder/validate.js'
import type { Array32 } from '../encoder/encoder.js'
import { useBackend } from '../engine/tensorflow.js'
import { interruptible } from './interrupt.js'
import { TrainingLog } from './train-log.js'
import {
  addTrainingOptions,
  begunVocabulary,
  openEncoder,
  readSets,
  recipeOf,
  shapeOf,
  type TrainingOptions,
} from './training-setup.js'

interface Options extends TrainingOptions {
  from?: string
  name: string
  defaultStyle?: string
  out: string
  terms?: string
}

/** `showtell train`: a decoder by teacher forcing, or on the CIDEr-D of its own captions. */
export function register(program: Command): void {
  const command = program
    .command('train')
    .description('train a captioner; run again with the same options to go on after an interruption')
    .requiredOption('--out <folder>', 'where state, log and bundle go')
    .option('--name <name>', 'name of the bundle', 'showtell-base')
    .option(
      '--default-style <name>',
      'style to speak in when none is asked for; the last of --data when absent',
    )
    .option('--terms <text>', 'what may be done with a model of these photos; goes into the bundle')
    .option(
      '--from <bundle>',
      'go on with the words, the decoder and the weights of a bundle instead of random ones',
    )
  addTrainingOptions(command).action(train)
}

async function train(options: Options): Promise<void> {
  const signal = interruptible()
  const engine = await useBackend(options.engine)
  const config = validate(trainingConfigSchema, recipeOf(options))
  const features = FeatureStore.open(options.features)
  const encoder = await openEncoder(features, options, engine)
  const { styles, train, validation, summary } = await readSets(options.data, features)
  await mkdir(options.out, { recursive: true })
  const from = options.from === undefined ? undefined : await readBundle(options.from)
  const vocabulary = await begunVocabulary(
    join(options.out, 'vocabulary.json'),
    () =>
      from?.vocabulary ??
      Vocabulary.build(
        train.flatMap(({ captions }) => captions),
        { minimumCount: options.minimumCount, styles },
      ),
  )
  const { regions, channels } = features.header
  const decoder =
    from?.decoder ??
    new Decoder(
      validate(decoderConfigSchema, {
        ...shapeOf(options),
        vocabularySize: vocabulary.size,
        regions,
        channels,
      }),
    )
  const training = new Training(
    decoder,
    vocabulary,
    { train, validation, features: new StoredFeatures(features) },
    config,
    options.out,
    from && numbersOf(weightsOf(from.weights, 'decoder')),
  )
  const resumed = await training.resume()
  process.stderr.write(
    `${train.length} photos to train, ${validation.length} to validate, ${vocabulary.size} words, engine ${engine}${resumed ? `, going on at step ${training.step}` : ''}\n`,
  )
  const log = new TrainingLog(options.out)
  await log.rewind(training.step)
  await training.run((event) => log.add(event), signal)
  log.stop()
  if (signal.aborted) {
    process.stderr.write(
      `stopped at step ${training.step} of ${training.totalSteps}; the same command goes on\n`,
    )
    return
  }
  const path = join(options.out, 'bundle')
  const best = await training.best()
  const terms = options.terms ?? from?.config.terms
  const captions = train.reduce((sum, example) => sum + example.captions.length, 0)
  await writeBundle(path, {
    config: {
      name: options.name,
      encoder: encoder.config,
      decoder: decoder.config,
      defaultStyle: options.defaultStyle ?? styles.at(-1)!,
      ...(terms === undefined ? {} : { terms }),
      training: {
        data: summary,
        captions,
        ...(from === undefined ? {} : { 'begun with': { name: from.config.name, ...from.config.training } }),
        ...config,
        'best step': best.step,
        'CIDEr-D on validation': Number(best.cider.toFixed(4)),
      },
    },
    vocabulary,
    ...encoder.content,
    decoderWeights: best.weights,
  })
  process.stderr.write(`wrote ${path}\n`)
}

function numbersOf(weights: Readonly<Record<string, Array32>>): Record<string, Float32Array> {
  return Object.fromEntries(Object.entries(weights).map(([name, { data }]) => [name, data]))
}
