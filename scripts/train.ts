import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Command } from 'commander'
import type { Example } from '../data/batches.js'
import type { CaptionedImage } from '../data/captions.js'
import { FeatureStore } from '../data/feature-store.js'
import { readTrainingSet } from '../data/splits.js'
import { tokenize } from '../data/tokenizer.js'
import { Vocabulary } from '../data/vocabulary.js'
import {
  type BundleConfig,
  type BundleContent,
  readBundle,
  weightsOf,
  writeBundle,
} from '../decoder/bundle.js'
import { Decoder, decoderConfigSchema } from '../decoder/decoder.js'
import { OBJECTIVES, Training, trainingConfigSchema } from '../decoder/training.js'
import { validate } from '../decoder/validate.js'
import type { Array32 } from '../encoder/encoder.js'
import { encoderByName } from '../encoder/encoders.js'
import { MOBILENET_GRAPH } from '../encoder/graph-shape.js'
import { importEncoder } from '../encoder/imported.js'
import { loadMobilenetGraph } from '../encoder/mobilenet-graph.js'
import { BACKENDS, type Backend } from '../engine/backends.js'
import { useBackend } from '../engine/tensorflow.js'
import { expected, type ShowtellError } from '../errors.js'
import { ATTENTIONS } from '../rnn/attention.js'
import { CELLS } from '../rnn/cells.js'
import { CONNECTIONS } from '../rnn/connections.js'
import { addGraphOptions, type GraphOptions } from './encoder-options.js'
import { interruptible } from './interrupt.js'
import { TrainingLog } from './train-log.js'
import { writeWhole } from './whole-file.js'

interface Options extends GraphOptions {
  data: string[]
  features: string
  from?: string
  encoderWeights?: string
  name: string
  defaultStyle?: string
  out: string
  terms?: string
  cell: string
  layers: number
  connection: string
  attention: string
  units: number
  embeddingSize: number
  regionSize: number
  attentionUnits: number
  wordMemory: boolean
  minimumCount: number
  engine: Backend | 'auto'
  [recipe: string]: unknown
}

/** `showtell train`: a decoder by teacher forcing, or on the CIDEr-D of its own captions. */
export function register(program: Command): void {
  const command = program
    .command('train')
    .description('train a captioner; run again with the same options to go on after an interruption')
    .requiredOption('--data <style=captions...>', 'caption files, each with the name of its style')
    .requiredOption('--features <folder>', 'feature store made by prepare')
    .option('--encoder-weights <file>', 'the weights that prepare was given; they go into the bundle')
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
    .option('--cell <name>', `recurrent cell, one of ${Object.keys(CELLS).join(', ')}`, 'lstm')
    .option('--layers <n>', 'layers of cells', Number, 1)
    .option('--connection <name>', `how layers are joined: ${Object.keys(CONNECTIONS).join(', ')}`, 'plain')
    .option('--attention <name>', `none, ${Object.keys(ATTENTIONS).join(', ')}`, 'additive')
    .option('--units <n>', 'units of the cell', Number, 512)
    .option('--embedding-size <n>', 'size of the word vectors', Number, 256)
    .option('--region-size <n>', 'size each region is projected to', Number, 512)
    .option('--attention-units <n>', 'units of the attention', Number, 256)
    .option('--no-word-memory', 'a decoder that does not hold the words said so far against the next one')
    .option('--minimum-count <n>', 'how often a word must occur to be in the vocabulary', Number, 4)
    .option('--engine <name>', `auto, ${BACKENDS.join(', ')}`, 'auto')
  addGraphOptions(command, ['encoderWeights'])
  for (const [name, field] of Object.entries(trainingConfigSchema.shape)) {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    const preset = field.parse(undefined)
    if (typeof preset === 'number') command.option(`${flag} <n>`, 'recipe', Number, preset)
    else command.option(`${flag} <name>`, OBJECTIVES.join(' or '), preset)
  }
  command.action(train)
}

async function train(options: Options): Promise<void> {
  const signal = interruptible()
  const engine = await useBackend(options.engine)
  const config = validate(
    trainingConfigSchema,
    Object.fromEntries(Object.keys(trainingConfigSchema.shape).map((name) => [name, options[name]])),
  )
  const features = FeatureStore.open(options.features)
  const encoder = await openEncoder(features, options, engine)
  const sets = await Promise.all(options.data.map((set) => readTrainingSet(set, leftOut)))
  const train = sets.flatMap((set) => set.train.map(asExample(set.style)))
  const validation = sets.flatMap((set) => set.validation.map(asExample(set.style)))
  const missing = [...train, ...validation].filter(({ key }) => !features.has(key))
  if (missing.length > 0)
    throw expected(
      'features of every photo (showtell prepare)',
      options.features,
      `none of ${missing.length}, ${missing[0]!.key} for one`,
      'INVALID_DATA',
    )

  await mkdir(options.out, { recursive: true })
  const from = options.from === undefined ? undefined : await readBundle(options.from)
  const vocabulary = await begun(
    join(options.out, 'vocabulary.json'),
    () =>
      from?.vocabulary ??
      Vocabulary.build(
        train.flatMap(({ captions }) => captions),
        { minimumCount: options.minimumCount, styles: sets.map(({ style }) => style) },
      ),
  )
  const { regions, channels } = features.header
  const {
    cell,
    layers,
    connection,
    attention,
    embeddingSize,
    units,
    regionSize,
    attentionUnits,
    wordMemory,
  } = options
  const shape = {
    ...{ cell, layers, connection, attention },
    ...{ embeddingSize, units, regionSize, attentionUnits, wordMemory },
  }
  const decoder =
    from?.decoder ??
    new Decoder(
      validate(decoderConfigSchema, { ...shape, vocabularySize: vocabulary.size, regions, channels }),
    )
  const training = new Training(
    decoder,
    vocabulary,
    { train, validation, features },
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
      defaultStyle: options.defaultStyle ?? sets.at(-1)!.style,
      ...(terms === undefined ? {} : { terms }),
      training: {
        data: sets.map(({ style, train: photos }) => `${style}: ${photos.length} photos`).join('; '),
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

/** The vocabulary that a training was begun with; a new one is on disk before the first step. */
async function begun(file: string, build: () => Vocabulary): Promise<Vocabulary> {
  if (existsSync(file)) return Vocabulary.fromJSON(JSON.parse(await readFile(file, 'utf8')))
  const vocabulary = build()
  await writeWhole(file, JSON.stringify(vocabulary))
  return vocabulary
}

/**
 * The encoder whose features are trained on, as it goes into the bundle.
 * @throws ShowtellError INVALID_ARGUMENT or INVALID_DATA where another one is given.
 */
async function openEncoder(
  { header: { encoder: name, weights: sum } }: FeatureStore,
  { encoderWeights, mobilenet, inputRange }: Options,
  engine: Backend,
): Promise<{
  config: BundleConfig['encoder']
  content: Pick<BundleContent, 'encoderWeights' | 'encoderFiles'>
}> {
  const isGraph = name === MOBILENET_GRAPH
  const given = isGraph ? mobilenet : encoderWeights
  if (given === undefined)
    throw expected(
      isGraph ? '--mobilenet' : '--encoder-weights',
      `features of ${name}`,
      isGraph ? encoderWeights : mobilenet,
    )
  const check = (sha256: string): void => {
    if (sha256 !== sum) throw expected(`sha256 ${sum} of the feature store`, given, sha256, 'INVALID_DATA')
  }
  const source = /^https?:/.test(given) ? given : basename(given)
  if (!isGraph) {
    const { weights, sha256 } = await importEncoder(encoderByName(name), given)
    check(sha256)
    return { config: { name, source }, content: { encoderWeights: weights } }
  }
  const { grid, channels, sha256, files, dispose } = await loadMobilenetGraph(given, engine, inputRange)
  await dispose()
  check(sha256)
  return {
    config: { name, source, inputRange, grid: [...grid], channels },
    content: { encoderWeights: {}, encoderFiles: files },
  }
}

const leftOut = ({ message }: ShowtellError): void => {
  process.stderr.write(`left out: ${message}\n`)
}

const asExample =
  (style: string) =>
  ({ file, captions }: CaptionedImage): Example => ({
    key: basename(file),
    style,
    captions: captions.map((caption) => tokenize(caption)).filter((words) => words.length > 0),
  })

function numbersOf(weights: Readonly<Record<string, Array32>>): Record<string, Float32Array> {
  return Object.fromEntries(Object.entries(weights).map(([name, { data }]) => [name, data]))
}
