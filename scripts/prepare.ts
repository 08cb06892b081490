import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { FeatureStore } from '../data/feature-store.js'
import { type Preparation, prepareFeatures } from '../decoder/prepare.js'
import { type EncoderShape, regionsOf } from '../encoder/encoder.js'
import { ENCODERS, encoderByName } from '../encoder/encoders.js'
import { type FeatureExtractor, openExtractor } from '../encoder/extractor.js'
import { featureRange } from '../encoder/feature-range.js'
import { importEncoder } from '../encoder/imported.js'
import { loadMobilenetGraph } from '../encoder/mobilenet-graph.js'
import { expected } from '../errors.js'
import { addGraphOptions, type GraphOptions } from './encoder-options.js'
import { interruptible } from './interrupt.js'
import { progressBar } from './progress.js'

interface Options extends GraphOptions {
  encoder: string
  weights?: string
  out: string
  views: number
}

/** `showtell prepare`: the features of photos, computed once, for training. */
export function register(program: Command): void {
  const command = program
    .command('prepare')
    .description('compute the features of folders of photos once, for training; resumable')
    .argument('<folders...>', 'folders of photos')
    .requiredOption('--out <folder>', 'feature store to make or go on with')
    .option('--encoder <name>', `one of ${Object.keys(ENCODERS).join(', ')}`, 'efficientnet-lite2')
    .option('--views <n>', 'views of each photo: as it is, mirrored, then cut at random places', Number, 1)
    .option('--weights <file>', "the encoder's weights, safetensors")
  addGraphOptions(command, ['encoder', 'weights']).action(prepare)
}

async function prepare(folders: string[], options: Options): Promise<void> {
  const { encoder, sha256, extractor } = await openEncoder(options)
  const first = folders[0]!
  const store = FeatureStore.create(options.out, {
    encoder: encoder.name,
    weights: sha256,
    regions: regionsOf(encoder),
    channels: encoder.channels,
    range: storedRange(options.out) ?? (await featureRange(encoder, extractor, first, await photosIn(first))),
  })
  const signal = interruptible()
  try {
    for (const folder of folders) {
      const files = await photosIn(folder)
      let bar: ReturnType<typeof progressBar> | undefined
      const onProgress = ({ done, total }: Preparation): void => {
        bar ??= progressBar(`${folder} (${extractor.engine})`, total, done)
        bar.update(done)
      }
      const { skipped } = await prepareFeatures(
        store,
        encoder,
        extractor,
        folder,
        files,
        onProgress,
        signal,
        options.views,
      )
      bar?.stop()
      for (const { file, reason } of skipped) process.stderr.write(`skipped ${file}: ${reason}\n`)
    }
  } finally {
    store.close()
    await extractor.dispose()
  }
}

async function openEncoder({
  encoder: name,
  weights: path,
  mobilenet,
  inputRange,
}: Options): Promise<{ encoder: EncoderShape; sha256: string; extractor: FeatureExtractor }> {
  if (mobilenet !== undefined) {
    const graph = await loadMobilenetGraph(mobilenet, 'auto', inputRange)
    return { encoder: graph, sha256: graph.sha256, extractor: graph }
  }
  if (path === undefined) throw expected('--weights or --mobilenet', 'prepare', 'neither')
  const encoder = encoderByName(name)
  const { weights, sha256 } = await importEncoder(encoder, path)
  const extractor = await openExtractor(encoder, weights, (reason) => {
    process.stderr.write(`engine: TensorFlow.js, slower, because: ${reason}\n`)
  })
  return { encoder, sha256, extractor }
}

async function photosIn(folder: string): Promise<string[]> {
  const files = (await readdir(folder)).filter((file) => /\.(jpe?g|png|webp|avif|gif)$/i.test(file)).sort()
  if (files.length === 0) throw expected('at least one photo', folder, 'none', 'NOT_FOUND')
  return files
}

/** A store that was begun goes on with its range, whichever photos the folders have gained since. */
function storedRange(path: string): [number, number] | undefined {
  if (!existsSync(join(path, 'keys.txt'))) return undefined
  const store = FeatureStore.open(path)
  store.close()
  return store.header.range
}
