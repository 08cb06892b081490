import { parametersOf, regionsOf } from '../encoder/encoder.js'
import { statedSize } from '../encoder/encoders.js'
import { expected } from '../errors.js'
import { type Bundle, type BundleContent, encoderAt } from './bundle.js'
import { checkSame, type Same, termsOfAll } from './several.js'

/** What has to be the same of bundles whose weights are averaged. */
const SAME: Same = {
  vocabulary: ({ vocabulary }) => vocabulary,
  encoder: ({ encoder }) => encoder.name,
  decoder: ({ config: { decoder } }) => ({ ...decoder, regions: undefined }),
}
const SAME_SIZE: Same = { 'size of photos': ({ encoder }) => encoder.imageSize }

/**
 * Bundles as one, each of whose weights is the mean of theirs (Wortsman et al. 2022, "Model soups: averaging weights of
 * multiple fine-tuned models improves accuracy without increasing inference time", section 2). Only trainings that went
 * on from one another, or from the same one, have weights whose mean says anything. One that is given twice counts twice.
 * The first says which style is spoken when none is asked for; the terms of all hold; confidence and scores are those of
 * none.
 * @param imageSize side of the square that photos become, where theirs is not the same, or is to be another
 * @throws ShowtellError INVALID_ARGUMENT naming the bundle that does not fit, or whose encoder is a graph.
 */
export function averageOf(bundles: readonly Bundle[], name: string, imageSize?: number): BundleContent {
  const [first] = bundles
  if (first === undefined || bundles.length < 2)
    throw expected('two bundles or more', 'bundles', bundles.length)
  const { decoder, vocabulary } = first
  const encoder = encoderAt(first, imageSize)
  checkSame(bundles, imageSize === undefined ? { ...SAME, ...SAME_SIZE } : SAME)
  const meanOf = (part: 'encoder' | 'decoder', weight: string): Float32Array =>
    mean(bundles.map((bundle) => bundle.weights.float32(`${part}.${weight}`).data))
  const sources = [...new Set(bundles.map(({ config }) => config.encoder.source))].join(' + ')
  const { defaultStyle, decoder: shape } = first.config
  return {
    config: {
      name,
      encoder: { name: encoder.name, source: sources, ...statedSize(encoder) },
      decoder: { ...shape, regions: regionsOf(encoder) },
      defaultStyle,
      ...termsOfAll(bundles),
      training: { 'mean of': bundles.map(({ config }) => ({ name: config.name, ...config.training })) },
    },
    vocabulary,
    encoderWeights: Object.fromEntries(
      parametersOf(encoder.blocks).map(({ name, shape }) => [name, { shape, data: meanOf('encoder', name) }]),
    ),
    decoderWeights: Object.fromEntries(decoder.parameters.map(({ name }) => [name, meanOf('decoder', name)])),
  }
}

function mean(arrays: readonly Float32Array[]): Float32Array {
  return arrays[0]!.map((_, i) => arrays.reduce((sum, array) => sum + array[i]!, 0) / arrays.length)
}
