import { basename, join } from 'node:path'
import type { FeatureStore } from '../data/feature-store.js'
import {
  type Bundle,
  type BundleConfig,
  type BundleContent,
  encoderWeightsOf,
  GRAPH,
  isGraph,
} from '../decoder/bundle.js'
import type { Array32 } from '../encoder/encoder.js'
import { encoderByName } from '../encoder/encoders.js'
import { MOBILENET_GRAPH } from '../encoder/graph-shape.js'
import { importEncoder, sumOf } from '../encoder/imported.js'
import { loadMobilenetGraph } from '../encoder/mobilenet-graph.js'
import type { Backend } from '../engine/backends.js'
import { expected } from '../errors.js'
import type { GraphOptions } from './encoder-options.js'

/** The encoder whose features are trained on, as it goes into a bundle. */
export interface PreparedEncoder {
  readonly config: BundleConfig['encoder']
  readonly content: Pick<BundleContent, 'encoderWeights' | 'encoderFiles'>
  /** [classes, channels], where the weights came with one. */
  readonly classifier?: Array32 | undefined
}

/** @throws ShowtellError INVALID_ARGUMENT or INVALID_DATA where another one is given. */
export async function preparedEncoder(
  { header: { encoder: name, weights: sum, imageSize } }: FeatureStore,
  { encoderWeights, mobilenet, inputRange }: GraphOptions & { encoderWeights?: string },
  engine: Backend,
  /** Whose encoder it is; none is given then. */
  from?: Bundle,
): Promise<PreparedEncoder> {
  const size = imageSize === undefined ? {} : { imageSize }
  if (from !== undefined) return fromBundle(from, size, sum, engine)
  const ofGraph = name === MOBILENET_GRAPH
  const given = ofGraph ? mobilenet : encoderWeights
  if (given === undefined)
    throw expected(
      ofGraph ? '--mobilenet' : '--encoder-weights',
      `features of ${name}`,
      ofGraph ? encoderWeights : mobilenet,
    )
  const source = /^https?:/.test(given) ? given : basename(given)
  if (ofGraph) return openGraph(given, inputRange, source, sum, engine)
  const { weights, classifier } = await importEncoder(encoderByName(name, imageSize), given)
  checkSum(sum, sumOf(weights), given)
  return { config: { name, source, ...size }, content: { encoderWeights: weights }, classifier }
}

async function fromBundle(
  bundle: Bundle,
  size: { imageSize?: number },
  sum: string,
  engine: Backend,
): Promise<PreparedEncoder> {
  const { path, config, encoder } = bundle
  if (isGraph(encoder))
    return openGraph(join(path, GRAPH), encoder.inputRange, config.encoder.source, sum, engine)
  const encoderWeights = encoderWeightsOf(bundle)
  checkSum(sum, sumOf(encoderWeights), `${path}, which showtell prepare --bundle takes,`)
  const { name } = encoder
  // The features may be of photos of another size than the bundle's.
  return { config: { name, source: config.encoder.source, ...size }, content: { encoderWeights } }
}

async function openGraph(
  path: string,
  inputRange: readonly [number, number],
  source: string,
  sum: string,
  engine: Backend,
): Promise<PreparedEncoder> {
  const { grid, channels, sha256, files, dispose } = await loadMobilenetGraph(path, engine, inputRange)
  await dispose()
  checkSum(sum, sha256, path)
  return {
    config: { name: MOBILENET_GRAPH, source, inputRange: [...inputRange], grid: [...grid], channels },
    content: { encoderWeights: {}, encoderFiles: files },
  }
}

function checkSum(wanted: string, sum: string, where: string): void {
  if (sum !== wanted) throw expected(`sha256 ${wanted} of the feature store`, where, sum, 'INVALID_DATA')
}
