import { expected } from '../errors.js'
import { Random } from '../random.js'
import type { Vocabulary } from './vocabulary.js'

/** A photo to train on. */
export interface Example {
  /** What the feature store, or the folder of its style, calls it. */
  readonly key: string
  readonly style: string
  /** The words of each caption. */
  readonly captions: readonly (readonly string[])[]
  /** How many views of it a feature store has, 1 when absent; each epoch is shown one of them. */
  readonly views?: number
  /** How often it came before in its epoch, 0 when absent: its view is drawn anew each time. */
  readonly pass?: number
}

/** Teacher forcing for a few photos: row major [images, hypotheses, length], the captions of a photo side by side. */
export interface Batch {
  readonly images: number
  readonly hypotheses: number
  readonly length: number
  /** What the decoder is fed: the start token of the style, then the words. Pad where the mask is 0. */
  readonly tokens: Int32Array
  /** What it shall answer: the words, then end. Pad where the mask is 0. */
  readonly targets: Int32Array
  /** 1 for a target that counts, 0 for padding after a caption and in place of a missing caption. */
  readonly mask: Float32Array
}

export interface BatchOptions {
  /** Captions a photo; of more, as many are drawn anew each epoch; fewer are masked. */
  readonly captionsPerImage: number
  /** Captions of more words are cut and get no end target: they do not end there. */
  readonly maxLength: number
  readonly seed: number
  /** From 0. */
  readonly epoch: number
}

/** Batches whose photos are sorted together. */
const WINDOW = 8

/**
 * Which examples make each batch of an epoch, as positions in `examples`, every one exactly once. A pure function of
 * its arguments, so that a resumed run goes on at any batch. Photos with captions of similar length share a batch (less
 * padding): within windows of a few batches of the shuffled photos they are sorted by their longest caption; the batches
 * are then shuffled.
 */
export function batchesOfEpoch(
  examples: readonly Example[],
  options: BatchOptions & { readonly imagesPerBatch: number },
): number[][] {
  const { imagesPerBatch, seed, epoch } = options
  if (!Number.isInteger(imagesPerBatch) || imagesPerBatch < 1)
    throw expected('an integer of 1 or more', 'imagesPerBatch', imagesPerBatch)
  const random = new Random(seed, 'batches', epoch)
  const lengths = examples.map((_, index) => longest(chosenCaptions(examples, index, options)))
  const order = random.shuffle(examples.map((_, index) => index))
  const batches = inBatches(order, imagesPerBatch * WINDOW).flatMap((part) =>
    inBatches(
      part.sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0)),
      imagesPerBatch,
    ),
  )
  return random.shuffle(batches)
}

/** A list in parts of `size`, the last of what is left. */
export function inBatches<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  )
}

/** The batch of the examples at `indices`. @throws ShowtellError INVALID_DATA for a caption without words. */
export function makeBatch(
  examples: readonly Example[],
  indices: readonly number[],
  vocabulary: Vocabulary,
  options: BatchOptions,
): Batch {
  const { maxLength } = options
  const chosen = indices.map((index) => chosenCaptions(examples, index, options))
  const images = indices.length
  const hypotheses = Math.max(0, ...chosen.map((captions) => captions.length))
  const length = Math.max(
    0,
    ...chosen.flat().map((words) => (words.length > maxLength ? maxLength : words.length + 1)),
  )
  const tokens = new Int32Array(images * hypotheses * length).fill(vocabulary.pad)
  const targets = new Int32Array(images * hypotheses * length).fill(vocabulary.pad)
  const mask = new Float32Array(images * hypotheses * length)
  for (const [image, index] of indices.entries()) {
    const { style } = examples[index]!
    for (const [hypothesis, words] of chosen[image]!.entries()) {
      const row = (image * hypotheses + hypothesis) * length
      const ids = targetsOf(words, vocabulary, maxLength)
      tokens[row] = vocabulary.startOf(style)
      tokens.set(ids.subarray(0, -1), row + 1)
      targets.set(ids, row)
      mask.fill(1, row, row + ids.length)
    }
  }
  return { images, hypotheses, length, tokens, targets, mask }
}

/** The words' token ids and end; of a caption that is too long, its first words without end. */
function targetsOf(words: readonly string[], vocabulary: Vocabulary, maxLength: number): Int32Array {
  if (words.length > maxLength) return vocabulary.encode(words.slice(0, maxLength))
  return Int32Array.of(...vocabulary.encode(words), vocabulary.end)
}

/** The captions of a photo in this epoch. */
function chosenCaptions(
  examples: readonly Example[],
  index: number,
  { captionsPerImage, seed, epoch }: BatchOptions,
): readonly (readonly string[])[] {
  const { key, captions } = examples[index]!
  if (captions.length === 0 || captions.some((words) => words.length === 0))
    throw expected('captions with words', key, captions, 'INVALID_DATA')
  if (captions.length <= captionsPerImage) return captions
  return new Random(seed, 'captions', epoch, index).shuffle([...captions]).slice(0, captionsPerImage)
}

function longest(captions: readonly (readonly string[])[]): number {
  return Math.max(...captions.map((words) => words.length))
}
