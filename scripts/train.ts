import { basename, join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { FeatureStore } from '../data/feature-store.js'
import { whileLocked } from '../data/lock.js'
import { Vocabulary } from '../data/vocabulary.js'
import { adaptedVocabulary, adaptedWeights } from '../decoder/adaptation.js'
import {
  type Bundle,
  type BundleContent,
  decoderWeightsOf,
  readBundle,
  statedSchema,
} from '../decoder/bundle.js'
import { initialWeights } from '../decoder/class-directions.js'
import { Decoder, decoderConfigSchema } from '../decoder/decoder.js'
import { checkStyle, LONGEST_STYLE } from '../decoder/options.js'
import { type PhotoFeatures, StoredFeatures } from '../decoder/photo-features.js'
import { statedRecipe, type TrainingConfig, trainingConfigSchema } from '../decoder/recipe.js'
import { termsOfAll } from '../decoder/several.js'
import { Training } from '../decoder/training.js'
import { validate } from '../decoder/validate.js'
import type { Array32 } from '../encoder/encoder.js'
import type { Backend } from '../engine/backends.js'
import { checkReplaceable } from '../engine/folder.js'
import { dataSum } from '../engine/training-state.js'
import { useBackend } from '../engine/use-backend.js'
import { expected } from '../errors.js'
import { addFineTuningOptions, type FineTuningOptions, openTunedFeatures } from './fine-tuning-options.js'
import { interruptible, tellStopped } from './interrupt.js'
import { writeKept } from './kept-bundle.js'
import { preparedEncoder } from './prepared-encoder.js'
import { fromOptions } from './schema-options.js'
import { TrainingLog, tellWarmUp } from './train-log.js'
import { addTrainingOptions, SHAPE, shapeSchema, type TrainingOptions } from './training-options.js'
import {
  keepVocabulary,
  PhotoFolders,
  type Photos,
  readSets,
  storedPhotos,
  type TrainingSets,
} from './training-photos.js'

interface Options extends TrainingOptions, FineTuningOptions {
  features?: string
  from?: string
  name?: string
  defaultStyle?: string
  out: string
  terms?: string
  encoder: string
}

/** `showtell train`: a decoder by teacher forcing, or on the CIDEr-D of its own captions. */
export function register(program: Command): void {
  const command = program
    .command('train')
    .description('train a captioner; run again with the same options to go on after an interruption')
    .requiredOption('--out <folder>', 'where state, log and bundle go')
    .option('--name <name>', 'name of the bundle; that of the folder --out when absent')
    .option(
      '--default-style <name>',
      'style to speak in when none is asked for; the last of --data when absent',
    )
    .option('--terms <text>', 'what may be done with a model of these photos; goes into the bundle')
    .addOption(
      new Option(
        '--from <bundle>',
        'go on with the words, the decoder and the weights of a bundle instead of random ones; new styles, and new words that occur --minimum-count times, are added',
      ).conflicts([...SHAPE, 'encoder', 'encoderWeights', 'mobilenet', 'inputRange']),
    )
    .addOption(
      // Its features are of the encoder that prepare was given.
      new Option('--features <folder>', 'feature store made by prepare').conflicts([
        'fineTuneEncoder',
        'encoderLearningRate',
        'encoder',
      ]),
    )
  addFineTuningOptions(addTrainingOptions(command), ['features', 'mobilenet']).action(train)
}

async function train(options: Options): Promise<void> {
  // Before hours of work that would end there.
  await checkReplaceable(bundleOf(options))
  const engine = await useBackend(options.engine)
  const config = fromOptions(trainingConfigSchema, options)
  const from = options.from === undefined ? undefined : await readBundle(options.from)
  const teachers = await Promise.all((options.teachers ?? []).map(readBundle))
  const bundles = { from, teachers }
  const source = await openSource(options, config, engine, bundles)
  try {
    await learn(options, config, source, bundles)
  } finally {
    await source.close()
  }
}

function bundleOf({ out }: Options): string {
  return join(out, 'bundle')
}

/** Captioners that a training goes on from or learns from. */
interface Bundles {
  readonly from: Bundle | undefined
  readonly teachers: readonly Bundle[]
}

/** What a training learns, in words and for people. */
interface Lessons {
  readonly sets: TrainingSets
  readonly captions: readonly (readonly string[])[]
  readonly vocabulary: Vocabulary
  readonly defaultStyle: string
  readonly stated: Pick<BundleContent['config'], 'name' | 'terms'>
}

/** What a vocabulary can hold and a caption be asked for in. */
const STYLE = new RegExp(`^[^\\s<>]{1,${LONGEST_STYLE}}$`)

/** From the photos to the bundle. */
async function learn(
  options: Options,
  config: TrainingConfig,
  source: Source,
  bundles: Bundles,
): Promise<void> {
  const { from, teachers } = bundles
  const signal = interruptible()
  const sets = await readSets(options.data, source.photos)
  const { styles } = sets
  // Now, not after hours.
  const wrong = styles.find((style) => !STYLE.test(style))
  if (wrong !== undefined)
    throw expected(
      `a style of 1 to ${LONGEST_STYLE} characters, none of them a space, < or >,`,
      '--data',
      wrong,
    )
  const captions = sets.train.flatMap((example) => example.captions)
  const { minimumCount } = options
  const vocabulary =
    from === undefined
      ? Vocabulary.build(captions, { minimumCount, styles })
      : adaptedVocabulary(from.vocabulary, captions, { minimumCount, styles })
  const defaultStyle = options.defaultStyle ?? styles.at(-1)!
  checkStyle(vocabulary.styles, defaultStyle, '--default-style')
  const stated = validate(statedSchema, {
    name: options.name ?? basename(resolve(options.out)),
    terms: options.terms ?? termsOfAll(from === undefined ? teachers : [from, ...teachers]).terms,
  })
  const lessons = { sets, captions, vocabulary, defaultStyle, stated }
  await whileLocked(options.out, () => learnIn(options, config, source, bundles, lessons, signal))
}

/** In the folder `--out`, which nobody else writes meanwhile. */
async function learnIn(
  options: Options,
  config: TrainingConfig,
  source: Source,
  { from, teachers }: Bundles,
  { sets, captions, vocabulary, defaultStyle, stated }: Lessons,
  signal: AbortSignal,
): Promise<void> {
  const { features } = source
  const { train, validation, summary } = sets
  await keepVocabulary(join(options.out, 'vocabulary.json'), vocabulary, Training.isBegun(options.out))
  const { regions, channels } = features
  const shape = {
    ...(from?.decoder.config ?? fromOptions(shapeSchema, options)),
    regions,
    channels,
    vocabularySize: vocabulary.size,
  }
  const decoder = new Decoder(validate(decoderConfigSchema, shape))
  const training = new Training(
    decoder,
    vocabulary,
    { train, validation, features },
    config,
    options.out,
    from === undefined
      ? initialWeights(decoder, config.seed, source.classifier)
      : adaptedWeights(decoderWeightsOf(from), from.vocabulary, vocabulary),
    // Its weights and words: what calibrate changes is not learnt from.
    {
      data: dataSum([train, validation]),
      from: from === undefined ? 'none' : dataSum(from.config.files),
    },
  )
  const resumed = await training.resume()
  process.stderr.write(
    `${train.length} photos to train, ${validation.length} to validate, ${vocabulary.wordCount} words, engine ${source.engine}${resumed ? `, going on at step ${training.step}` : ''}\n`,
  )
  tellWarmUp(training.config.warmUpSteps, training.totalSteps)
  await new TrainingLog(options.out).follow(training.step, (add) => training.run(add, signal))
  if (signal.aborted) return tellStopped(`at step ${training.step} of ${training.totalSteps}`)
  const best = training.best()
  const content: BundleContent = {
    config: {
      ...stated,
      encoder: source.config,
      decoder: training.decoder.config,
      defaultStyle,
      training: {
        data: summary,
        captions: captions.length,
        ...('imageSize' in source.config ? { imageSize: source.config.imageSize } : {}),
        ...(from === undefined ? {} : { 'begun with': { name: from.config.name, ...from.config.training } }),
        ...(teachers.length === 0 ? {} : { 'taught by': teachers.map(({ config }) => config.name) }),
        ...statedRecipe(training.config, teachers.length > 0),
        'best step': best.step,
        'CIDEr-D on validation': Number(best.cider.toFixed(4)),
      },
    },
    vocabulary,
    ...source.content(best.weights),
    decoderWeights: best.weights,
  }
  await writeKept(bundleOf(options), content, 'this training')
}

/** Photos to train on, their features, and the encoder behind them as it goes into the bundle. */
interface Source {
  readonly engine: Backend
  readonly photos: Photos
  readonly features: PhotoFeatures
  readonly classifier?: Array32 | undefined
  readonly config: BundleContent['config']['encoder']
  content(
    trained: Readonly<Record<string, Float32Array>>,
  ): Pick<BundleContent, 'encoderWeights' | 'encoderFiles'>
  close(): Promise<void>
}

async function openSource(
  options: Options,
  config: TrainingConfig,
  engine: Backend,
  { from, teachers }: Bundles,
): Promise<Source> {
  if (options.images !== undefined) {
    const photos = new PhotoFolders(options.images)
    const { features, encoder, classifier } = await openTunedFeatures(
      photos,
      options,
      config,
      engine,
      teachers,
      from,
    )
    return {
      engine,
      photos,
      features,
      classifier,
      config: encoder,
      content: (trained) => ({ encoderWeights: features.encoderWeights(trained) }),
      close: () => features.close(),
    }
  }
  if (options.features === undefined)
    throw expected('--features, or --images with --fine-tune-encoder,', 'train', 'neither')
  const store = FeatureStore.open(options.features)
  const encoder = await preparedEncoder(store, options, engine, from)
  return {
    engine,
    photos: storedPhotos(store),
    features: new StoredFeatures(store),
    classifier: encoder.classifier,
    config: encoder.config,
    content: () => encoder.content,
    close: async () => store.close(),
  }
}
