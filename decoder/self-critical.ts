import { type Batch, type Example, makeBatch } from '../data/batches.js'
import type { Vocabulary } from '../data/vocabulary.js'
import type { Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { expected } from '../errors.js'
import { CiderScorer, DocumentFrequencies } from '../metrics/cider.js'
import { Random } from '../random.js'
import type { Constraints } from '../search/constraints.js'
import { sampleByNoise } from '../search/sampling.js'
import { constraintsOf } from './captioning.js'
import type { Decoder } from './decoder.js'
import { captionOptionsSchema, FEWEST_WORDS } from './options.js'
import type { TrainingConfig } from './recipe.js'
import { tensorFlowModel } from './tensorflow-model.js'

/** Numbers of noise that are made once and then read from random places (as Salimans et al. 2017, section 2.1, do). */
const TABLE_LENGTH = 1 << 22

/** Stands for the end token in captions that are compared, so that ending well is worth something. */
const END = '<end>'

/**
 * CIDEr-D of sampled captions against the training captions of their photo, end included (Rennie et al. 2017,
 * "Self-critical sequence training for image captioning"); n-grams are weighed by how many training photos have them.
 */
export class CiderReward {
  private readonly frequencies: DocumentFrequencies

  constructor(examples: readonly Example[]) {
    this.frequencies = DocumentFrequencies.of(examples.map(({ captions }) => captions.map(ended)))
  }

  /** 0 to 10 for each caption, given as its words. */
  of({ captions }: Example, samples: readonly (readonly string[])[]): number[] {
    const scorer = new CiderScorer(captions.map(ended), this.frequencies)
    return samples.map((words) => scorer.score(ended(words)))
  }
}

/** Each reward less the mean of the others': a baseline that needs no captions of its own (Luo 2020, "A better variant of self-critical sequence training"). */
export function advantages(rewards: readonly number[]): number[] {
  if (rewards.length < 2) throw expected('2 samples or more', 'rewards', rewards.length)
  const sum = rewards.reduce((total, reward) => total + reward, 0)
  return rewards.map((reward) => reward - (sum - reward) / (rewards.length - 1))
}

/** What of a recipe says how many captions are drawn and how they count. */
type SamplerConfig = Pick<
  TrainingConfig,
  'samplesPerImage' | 'captionsPerImage' | 'maxLength' | 'crossEntropyWeight'
>

/** A batch whose words count differently: `weights` [images, hypotheses], see `teacherForcingLoss`. */
export interface WeightedBatch {
  readonly batch: Batch
  readonly weights: Float32Array
}

/**
 * Samples and some true captions of photos as one batch, so that one pass gives both gradients: an estimate of that of the
 * expected reward (Williams 1992, REINFORCE: a sample's words by its advantage), a mean over the samples' words, and
 * `crossEntropyWeight` times that of the mean negative log-likelihood of the true captions, which keeps them well formed.
 *
 * The estimate is biased: samples are drawn without dropout from the words that the search allows, while the likelihood
 * that is differentiated is with dropout and over all words, and counts the end of a sample too where `maxLength` left it
 * no other.
 * @param samples the words of the `samplesPerImage` samples of each example
 * @param rewards of each
 * @param random draws `captionsPerImage` true captions of a photo that has more
 */
export function rewardedBatch(
  examples: readonly Example[],
  samples: readonly (readonly (readonly string[])[])[],
  rewards: readonly (readonly number[])[],
  vocabulary: Vocabulary,
  config: SamplerConfig,
  random: Random,
): WeightedBatch {
  const { samplesPerImage: drawn, captionsPerImage, maxLength, crossEntropyWeight } = config
  const mixed = examples.map((example, i) => ({
    ...example,
    captions: [...samples[i]!, ...random.shuffle([...example.captions]).slice(0, captionsPerImage)],
  }))
  const batch = makeBatch(
    mixed,
    mixed.map((_, i) => i),
    vocabulary,
    { captionsPerImage: drawn + captionsPerImage, maxLength, seed: 0, epoch: 0 },
  )
  const { images, hypotheses, length, mask } = batch
  const isSample = (row: number): boolean => row % hypotheses < drawn
  const words = { samples: 0, captions: 0 }
  mask.forEach((value, at) => {
    words[isSample(Math.floor(at / length)) ? 'samples' : 'captions'] += value
  })
  const better = rewards.map(advantages)
  const weights = Float32Array.from({ length: images * hypotheses }, (_, row) =>
    isSample(row)
      ? better[Math.floor(row / hypotheses)]![row % hypotheses]! / words.samples
      : crossEntropyWeight / Math.max(1, words.captions),
  )
  return { batch, weights }
}

/** Draws captions from a decoder in training and says how good they are. */
export class Sampler {
  private readonly reward: CiderReward
  private readonly constraints: Constraints

  constructor(
    private readonly ops: TensorFlowOps,
    private readonly decoder: Decoder,
    private readonly vocabulary: Vocabulary,
    train: readonly Example[],
    private readonly config: SamplerConfig,
  ) {
    this.reward = new CiderReward(train)
    // What the search forbids is forbidden here too: the decoder learns to speak as it will be heard.
    this.constraints = constraintsOf(
      vocabulary,
      captionOptionsSchema.parse({
        maxLength: config.maxLength,
        minLength: Math.min(FEWEST_WORDS, config.maxLength),
      }),
    )
  }

  /** @param features [images, regions, channels] of the examples */
  async lesson(
    weights: Weights<Tensor>,
    examples: readonly Example[],
    features: Tensor,
    random: Random,
  ): Promise<WeightedBatch & { readonly reward: number }> {
    const samples = await this.draw(weights, examples, features, random)
    const rewards = examples.map((example, i) => this.reward.of(example, samples[i]!))
    const all = rewards.flat()
    return {
      ...rewardedBatch(examples, samples, rewards, this.vocabulary, this.config, random),
      reward: all.reduce((sum, reward) => sum + reward, 0) / all.length,
    }
  }

  private async draw(
    weights: Weights<Tensor>,
    examples: readonly Example[],
    features: Tensor,
    random: Random,
  ): Promise<string[][][]> {
    const { ops, decoder, vocabulary } = this
    const noise = (values: number): Float32Array => gumbelNoise(random, values, vocabulary.size)
    const model = tensorFlowModel(ops, decoder, weights, features, noise)
    try {
      const found = await sampleByNoise(model, {
        constraints: this.constraints,
        start: examples.map(({ style }) => vocabulary.startOf(style)),
        count: this.config.samplesPerImage,
      })
      return found.map((hypotheses) => hypotheses.map(({ tokens }) => vocabulary.decode(tokens)))
    } finally {
      model.dispose()
    }
  }
}

const ended = (words: readonly string[]): string[] => [...words, END]

let table: Float32Array | undefined

/**
 * Standard Gumbel noise, −ln(−ln u), rows of `width` numbers: each row is a piece of one long table, from a place that
 * `random` names.
 */
export function gumbelNoise(random: Random, values: number, width: number): Float32Array {
  table ??= makeTable()
  const noise = new Float32Array(values)
  for (let from = 0; from < values; from += width) {
    const size = Math.min(width, values - from)
    const at = random.below(TABLE_LENGTH - size)
    noise.set(table.subarray(at, at + size), from)
  }
  return noise
}

function makeTable(): Float32Array {
  const random = new Random('gumbel')
  return Float32Array.from({ length: TABLE_LENGTH }, () => -Math.log(-Math.log(random.uniform() + 1e-12)))
}
