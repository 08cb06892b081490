import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { FeatureStore, type FeatureStoreHeader } from '../data/feature-store.js'
import { checkNames } from '../data/photo-files.js'
import { photosIn } from '../data/photo-walk.js'
import { type Bundle, encoderAt, encoderWeightsOf, GRAPH, isGraph, readBundle } from '../decoder/bundle.js'
import { type Preparation, prepareFeatures } from '../decoder/prepare.js'
import { type EncoderShape, regionsOf } from '../encoder/encoder.js'
import { ENCODERS, encoderByName, statedSize } from '../encoder/encoders.js'
import { type FeatureExtractor, openExtractor } from '../encoder/extractor.js'
import { featureRange } from '../encoder/feature-range.js'
import { importEncoder, sumOf } from '../encoder/imported.js'
import { loadMobilenetGraph } from '../encoder/mobilenet-graph.js'
import { expected } from '../errors.js'
import { addGraphOptions, type GraphOptions, imageSizeOption } from './encoder-options.js'
import { interruptible, tellStopped } from './interrupt.js'
import { tellNewer, tellSkipped } from './left-out.js'
import { progressBar } from './progress.js'
import { positive } from './schema-options.js'

interface Options extends GraphOptions {
  encoder: string
  weights?: string
  bundle?: string
  imageSize?: number
  out: string
  views: number
}

/** `showtell prepare`: the features of photos, computed once, for training. */
export function register(program: Command): void {
  const command = program
    .command('prepare')
    .description('compute the features of folders of photos once, for training; resumable')
    .argument('<folders...>', 'folders of photos, at any depth')
    .requiredOption('--out <folder>', 'feature store to make or go on with')
    .option('--encoder <name>', `one of ${Object.keys(ENCODERS).join(', ')}`, 'efficientnet-lite2')
    .option(
      '--views <n>',
      'views of each photo: as it is, mirrored, then cut at random places',
      positive('--views'),
      1,
    )
    .option('--weights <file>', "the encoder's weights, safetensors")
    .addOption(
      new Option('--bundle <folder>', 'in place of weights: the encoder of a bundle').conflicts([
        ...['encoder', 'weights', 'mobilenet', 'inputRange'],
      ]),
    )
    .addOption(imageSizeOption(['mobilenet']))
  addGraphOptions(command, ['encoder', 'weights']).action(prepare)
}

/** What is to be prepared. */
interface Given {
  readonly folders: readonly { readonly folder: string; readonly files: readonly string[] }[]
  /** Of all photos of all folders, in order: their names in their folders, and their paths. */
  readonly names: readonly string[]
  readonly photos: readonly string[]
}

async function prepare(paths: string[], options: Options): Promise<void> {
  const folders = paths.map((folder) => ({ folder, files: namesIn(folder) }))
  // The store knows a photo by its name in its folder alone.
  const names = folders.flatMap(({ files }) => files)
  const photos = folders.flatMap(({ folder, files }) => files.map((file) => join(folder, file)))
  // Twice, by a folder and by one in it, it would have two names, and what is held out under one is known by the other.
  checkNames(photos, (path) => resolve(path), 'one feature store', 'each photo once')
  checkNames(photos, (_, i) => names[i]!, 'one feature store')
  const opened = await openEncoder(options)
  try {
    await fill(options, { folders, names, photos }, opened)
  } finally {
    await opened.extractor.dispose()
  }
}

async function fill(
  options: Options,
  { folders, names, photos }: Given,
  { encoder, sum, extractor }: OpenEncoder,
): Promise<void> {
  const first = folders[0]!
  const begun = begunAt(options.out)
  const store = FeatureStore.create(options.out, {
    encoder: encoder.name,
    weights: sum,
    regions: regionsOf(encoder),
    channels: encoder.channels,
    ...statedSize(encoder),
    range: begun?.header.range ?? (await featureRange(encoder, extractor, first.folder, first.files)),
  })
  const signal = interruptible()
  try {
    if (begun !== undefined) {
      const kept = photos.filter((_, i) => store.has(names[i]!))
      tellNewer(begun.writtenAt, kept, photos.length, options.out, 'another --out takes them anew')
    }
    for (const { folder, files } of folders) {
      let bar: ReturnType<typeof progressBar> | undefined
      const onProgress = ({ done, total }: Preparation): void => {
        bar ??= progressBar(`${folder} (${extractor.engine})`, total, done)
        bar.update(done)
      }
      const { done, total, skipped } = await prepareFeatures(
        store,
        encoder,
        extractor,
        folder,
        files,
        onProgress,
        signal,
        options.views,
      ).finally(() => bar?.stop())
      for (const { file, reason } of skipped) tellSkipped(join(folder, file), reason)
      if (signal.aborted) return tellStopped(`in ${folder} after ${done} of ${total}`)
    }
  } finally {
    store.close()
  }
}

/** An encoder that is ready to run, and what a feature store calls its weights. */
interface OpenEncoder {
  readonly encoder: EncoderShape
  readonly sum: string
  readonly extractor: FeatureExtractor
}

async function openEncoder(options: Options): Promise<OpenEncoder> {
  const { encoder: name, weights: path, bundle, imageSize, mobilenet, inputRange } = options
  if (bundle !== undefined) return ofBundle(await readBundle(bundle), imageSize)
  if (mobilenet !== undefined) return ofGraph(mobilenet, inputRange)
  if (path === undefined) throw expected('--weights, --bundle or --mobilenet', 'prepare', 'none')
  const encoder = encoderByName(name, imageSize)
  const { weights } = await importEncoder(encoder, path)
  return { encoder, sum: sumOf(weights), extractor: await openExtractor(encoder, weights, tellFallback) }
}

async function ofBundle(bundle: Bundle, imageSize: number | undefined): Promise<OpenEncoder> {
  if (isGraph(bundle.encoder) && imageSize === undefined)
    return ofGraph(join(bundle.path, GRAPH), bundle.encoder.inputRange)
  const encoder = encoderAt(bundle, imageSize)
  const weights = encoderWeightsOf(bundle)
  return { encoder, sum: sumOf(weights), extractor: await openExtractor(encoder, weights, tellFallback) }
}

async function ofGraph(path: string, inputRange: readonly [number, number]): Promise<OpenEncoder> {
  const graph = await loadMobilenetGraph(path, 'auto', inputRange)
  return { encoder: graph, sum: graph.sha256, extractor: graph }
}

const tellFallback = (reason: string): void => {
  process.stderr.write(`engine: TensorFlow.js, slower, because: ${reason}\n`)
}

function namesIn(folder: string): string[] {
  const files = photosIn(folder, tellSkipped)
  if (files.length === 0) throw expected('at least one photo', folder, 'none', 'NOT_FOUND')
  return files
}

/**
 * A store that was begun goes on with its range, whichever photos the folders have gained since.
 * @returns also when it was last written to, in milliseconds.
 */
function begunAt(path: string): { header: FeatureStoreHeader; writtenAt: number } | undefined {
  const keys = join(path, 'keys.txt')
  if (!existsSync(keys)) return undefined
  const store = FeatureStore.open(path)
  store.close()
  return { header: store.header, writtenAt: statSync(keys).mtimeMs }
}
