import type { Example } from '../data/batches.js'
import { isContentWord } from '../data/function-words.js'
import type { Vocabulary } from '../data/vocabulary.js'
import type { Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { expected } from '../errors.js'
import type { CellState } from '../rnn/cell.js'
import { type Decoder, SAID } from './decoder.js'
import type { TrainingConfig } from './recipe.js'

/**
 * How the words of content of each photo's captions are shared out, [photos, vocabulary]: a word's share is how many of
 * the captions say it, among all such words. A row sums to 1, or to 0 where the captions have none that is known.
 */
export function photoWords(photos: readonly Example[], vocabulary: Vocabulary): Float32Array {
  const shares = new Float32Array(photos.length * vocabulary.size)
  for (const [photo, { captions }] of photos.entries()) {
    const row = shares.subarray(photo * vocabulary.size, (photo + 1) * vocabulary.size)
    for (const words of captions)
      for (const token of vocabulary.encode([...new Set(words.filter(isContentWord))]))
        if (token >= vocabulary.firstWord) row[token]! += 1
    const sum = row.reduce((total, count) => total + count, 0)
    if (sum > 0) for (const [token, count] of row.entries()) row[token] = count / sum
  }
  return shares
}

/**
 * How badly the decoder knows, before the first word, which words people say of the photos: the cross-entropy of
 * `wanted` under a softmax over the vocabulary, nats a photo (one loss for several labels, shared out among them, as
 * Mahajan et al. 2018, "Exploring the limits of weakly supervised pretraining", section 2.2). The scores are those of
 * the word memory, which begins as minus what shall be said: so the loss needs no weights of its own, and reaches the
 * encoder by a way that no other word stands in.
 * @param decoder one with word memory, see `checkWordMemory`
 * @param start the decoder's state before the first word, one hypothesis an image
 * @param wanted [images, vocabulary], see `photoWords`
 */
export function photoWordsLoss(
  ops: TensorFlowOps,
  decoder: Decoder,
  weights: Weights<Tensor>,
  start: CellState<Tensor>,
  wanted: Float32Array,
): Tensor {
  const images = wanted.length / decoder.config.vocabularySize
  const scores = decoder.project(ops, weights, ops.mul(start[SAID]!, ops.constant([-1], [1], 'float32')))
  const shares = ops.input(
    wanted.map((share) => -share / images),
    [images, 1, decoder.config.vocabularySize],
  )
  return ops.sum(ops.reshape(ops.mul(ops.logSoftmax(scores), shares), [-1]), 0)
}

/** @throws ShowtellError INVALID_ARGUMENT where a recipe wants word memory of a decoder that has none. */
export function checkWordMemory(
  { config }: Decoder,
  { photoWordsWeight }: TrainingConfig,
  where: string,
): void {
  if (photoWordsWeight > 0 && !config.wordMemory)
    throw expected('a decoder with word memory', where, 'one without')
}
