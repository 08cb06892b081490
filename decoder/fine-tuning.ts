import { join } from 'node:path'
import { type Array32, type Encoder, parametersOf, regionsOf, runBlocks } from '../encoder/encoder.js'
import { type NetworkRunner, openExtractor } from '../encoder/extractor.js'
import { joined } from '../encoder/few-at-once.js'
import { decodeImage } from '../encoder/image.js'
import { sumOf } from '../encoder/imported.js'
import { type View, viewOf } from '../encoder/view.js'
import type { Backend } from '../engine/backends.js'
import type { Parameter, Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { expected, type ShowtellError } from '../errors.js'
import { part, prefixed } from '../rnn/cell.js'
import type { Teachers } from './distillation.js'
import { type Draw, type Photo, type PhotoFeatures, type PhotoInput, viewRandom } from './photo-features.js'

/** Cuts that an epoch draws from. */
const CUTS = 2 ** 15

export interface FineTuning {
  /** How many of the encoder's last blocks are trained; all of them where the weights are random. */
  readonly blocks: number
  /** Where the photos of each style lie. */
  readonly folders: Readonly<Record<string, string>>
  /** What runs the other blocks where onnxruntime does not load. */
  readonly backend: Backend
  readonly onFallback: (reason: string) => void
  /** Who sees the photos that are trained on too. */
  readonly teachers?: Teachers | undefined
  /** Hears of each photo that cannot be read; it is left out. */
  readonly onProblem: (problem: ShowtellError) => void
}

/**
 * Features of an encoder whose last blocks are trained beside the decoder. Its batch norms are frozen: they are folded
 * into the weights. What lies before those blocks never changes, so it runs ahead of the step in onnxruntime, and its
 * activations are what the step starts from. Photos are seen mirrored and cut, each epoch otherwise.
 */
export class TunedFeatures implements PhotoFeatures {
  readonly source: string
  readonly weightsSum: string
  readonly regions: number
  readonly channels: number
  readonly parameters: readonly Parameter[]
  readonly initial: Readonly<Record<string, Float32Array>>
  private readonly unreadable = new Set<string>()

  private constructor(
    private readonly encoder: Encoder,
    private readonly weights: Readonly<Record<string, Array32>>,
    /** Undefined where every block is trained. */
    private readonly frozen: NetworkRunner | undefined,
    private readonly options: FineTuning,
  ) {
    this.source = encoder.name
    this.weightsSum = sumOf(weights)
    this.regions = regionsOf(encoder)
    this.channels = encoder.channels
    this.parameters = prefixed('encoder', parametersOf(this.tuned))
    this.initial = Object.fromEntries(
      parametersOf(this.tuned).map(({ name }) => [`encoder.${name}`, weights[name]!.data]),
    )
  }

  /** @throws ShowtellError INVALID_ARGUMENT for more blocks than the encoder has. */
  static async open(
    encoder: Encoder,
    weights: Readonly<Record<string, Array32>>,
    options: FineTuning,
  ): Promise<TunedFeatures> {
    const { blocks, backend, onFallback } = options
    const all = encoder.blocks.length
    if (blocks < 1 || blocks > all)
      throw expected(`1 to ${all} blocks of ${encoder.name}`, 'fineTuneEncoder', blocks)
    const network = { imageSize: encoder.imageSize, blocks: encoder.blocks.slice(0, all - blocks) }
    const frozen = blocks === all ? undefined : await openExtractor(network, weights, onFallback, backend)
    return new TunedFeatures(encoder, weights, frozen, options)
  }

  private get tuned() {
    return this.encoder.blocks.slice(-this.options.blocks)
  }

  async input(photos: readonly Photo[], draw?: Draw): Promise<PhotoInput> {
    const { imageSize } = this.encoder
    const decoded = await this.squares(photos, imageSize, draw)
    const read = [...decoded.keys()].filter((image) => decoded[image] !== undefined)
    const pixels = joined(Uint8Array, decoded.filter(isRead))
    if (read.length === 0) return { read, shape: [0, imageSize, imageSize, 3], data: pixels }
    const start =
      this.frozen === undefined
        ? { shape: [read.length, imageSize, imageSize, 3], data: pixels }
        : await this.frozen.run(pixels, read.length)
    if (this.teachers === undefined || draw === undefined) return { read, ...start }
    const known = read.map((image) => photos[image]!)
    const pixelsAt = async (side: number): Promise<Uint8Array> =>
      side === imageSize ? pixels : joined(Uint8Array, (await this.squares(known, side, draw)).filter(isRead))
    return { read, ...start, taught: await this.teachers.see(pixelsAt, read.length) }
  }

  of(ops: TensorFlowOps, weights: Weights<Tensor>, input: Tensor): Tensor {
    return runBlocks(ops, this.tuned, part(weights, 'encoder'), input)
  }

  /** All weights of the encoder, those that were trained from what a training has. */
  encoderWeights(trained: Readonly<Record<string, Float32Array>>): Record<string, Array32> {
    const tuned = parametersOf(this.tuned).map(({ name, shape }): [string, Array32] => [
      name,
      { shape, data: trained[`encoder.${name}`]! },
    ])
    return { ...this.weights, ...Object.fromEntries(tuned) }
  }

  async close(): Promise<void> {
    await this.frozen?.dispose()
    await this.teachers?.close()
  }

  get teachers(): Teachers | undefined {
    return this.options.teachers
  }

  /** Undefined where a photo cannot be read. */
  private squares(
    photos: readonly Photo[],
    side: number,
    draw?: Draw,
  ): Promise<readonly (Uint8Array | undefined)[]> {
    return Promise.all(photos.map((photo) => this.decode(photo, side, draw)))
  }

  private decode(photo: Photo, side: number, draw?: Draw): Promise<Uint8Array | undefined> {
    const file = join(this.options.folders[photo.style]!, photo.key)
    const view = draw === undefined ? undefined : drawnView(photo, draw)
    return decodeImage(file, side, undefined, undefined, view).catch((error: ShowtellError) => {
      if (!this.unreadable.has(file)) this.options.onProblem(error)
      this.unreadable.add(file)
      return undefined
    })
  }
}

function isRead(square: Uint8Array | undefined): square is Uint8Array {
  return square !== undefined
}

/** Half of the views are the whole photo, as it is or mirrored, half are cut. */
function drawnView(photo: Photo, draw: Draw): View | undefined {
  const random = viewRandom(photo, draw)
  return viewOf(photo.key, random.below(2) === 0 ? random.below(2) : 2 + random.below(CUTS))
}
