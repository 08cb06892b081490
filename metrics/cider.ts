import { expected } from '../errors.js'
import { type CountedSet, countNgrams, MAX_ORDER, NgramIndex, type Ngrams } from './ngrams.js'
import { checkReferences, meanScores, type Scores } from './scores.js'

/** Deviation of the Gaussian on the difference of lengths. */
const SIGMA = 6
const SCALE = 10

/** In how many images' references each n-gram occurs; what CIDEr weighs n-grams by. */
export class DocumentFrequencies {
  private constructor(
    /** How many images were counted. */
    readonly images: number,
    private readonly counts: ReadonlyMap<string, number>,
  ) {}

  /** Counts over the references of a set: tokens, the captions of each image. */
  static of(references: readonly (readonly (readonly string[])[])[]): DocumentFrequencies {
    const index = new NgramIndex()
    const counts = countImages(
      references.map((captions) => captions.map((caption) => index.read(caption))),
      index.size,
    )
    return new DocumentFrequencies(
      references.length,
      new Map(Array.from(counts, (count, id) => [index.textOf(id), count])),
    )
  }

  /**
   * From what `toJSON` gave.
   * @param where the file or option, for the message of an error
   * @throws ShowtellError INVALID_DATA
   */
  static fromJSON(value: unknown, where: string): DocumentFrequencies {
    const { images, counts } = (typeof value === 'object' && value !== null ? value : {}) as {
      images?: unknown
      counts?: unknown
    }
    if (typeof images !== 'number' || !Number.isInteger(images) || images < 1)
      throw expected('a positive number of images', `images of ${where}`, images, 'INVALID_DATA')
    if (typeof counts !== 'object' || counts === null)
      throw expected('n-grams and their counts', `counts of ${where}`, counts, 'INVALID_DATA')
    const entries = Object.entries(counts)
    for (const [ngram, count] of entries)
      if (!Number.isInteger(count) || count < 1 || count > images)
        throw expected(`an integer from 1 to ${images}`, `"${ngram}" of ${where}`, count, 'INVALID_DATA')
    return new DocumentFrequencies(images, new Map(entries))
  }

  toJSON(): { images: number; counts: Record<string, number> } {
    return { images: this.images, counts: Object.fromEntries(this.counts) }
  }

  /** Inverse document frequency of an n-gram, nats. */
  weight(ngram: string): number {
    return weightOf(this.counts.get(ngram) ?? 0, this.images)
  }
}

function weightOf(count: number, images: number): number {
  return Math.log(images) - Math.log(Math.max(1, count))
}

/** In how many images' references each of the first `size` n-grams occurs. */
function countImages(references: readonly (readonly Ngrams[])[], size: number): Int32Array {
  const counts = new Int32Array(size)
  const last = new Int32Array(size).fill(-1)
  references.forEach((captions, image) => {
    for (const { ids } of captions)
      for (const id of ids) {
        if (last[id] === image) continue
        last[id] = image
        counts[id]!++
      }
  })
  return counts
}

/** A caption as CIDEr compares it: the tf-idf weights of its n-grams, and their norm for each order. */
interface Weighted extends Ngrams {
  readonly weights: readonly number[]
  readonly norms: readonly number[]
}

/** @param weights of n-grams by id */
function weigh(ngrams: Ngrams, weights: ArrayLike<number>): Weighted {
  const { ids, counts, starts, length } = ngrams
  const weighted = ids.map((id, at) => counts[at]! * weights[id]!)
  const norms: number[] = []
  for (let order = 0; order < MAX_ORDER; order++) {
    let squares = 0
    for (let at = starts[order]!; at < starts[order + 1]!; at++) squares += weighted[at]! * weighted[at]!
    norms.push(Math.sqrt(squares))
  }
  return { ids, counts, starts, length, weights: weighted, norms }
}

/**
 * 0 to 10.
 * @param room a number an n-gram, all 0, and 0 again afterwards
 */
function ciderOf(
  candidate: Weighted,
  references: readonly Weighted[],
  room: number[] | Float64Array,
): number {
  if (references.length === 0) return 0
  let sum = 0
  for (const reference of references) {
    reference.ids.forEach((id, at) => {
      room[id] = reference.weights[at]!
    })
    sum += similarity(candidate, reference, room)
    for (const id of reference.ids) room[id] = 0
  }
  return (sum / MAX_ORDER / references.length) * SCALE
}

/**
 * Summed over the orders: the cosine of the clipped candidate and the reference, less the more their lengths differ.
 * @param weights of the reference's n-grams by id, 0 of all others
 */
function similarity(candidate: Weighted, reference: Weighted, weights: ArrayLike<number>): number {
  let sum = 0
  for (let order = 0; order < MAX_ORDER; order++) {
    const norms = candidate.norms[order]! * reference.norms[order]!
    if (norms === 0) continue
    let product = 0
    for (let at = candidate.starts[order]!; at < candidate.starts[order + 1]!; at++) {
      const other = weights[candidate.ids[at]!]!
      product += Math.min(candidate.weights[at]!, other) * other
    }
    sum += product / norms
  }
  // The COCO evaluation counts bigrams where the paper says words, which differs for a lone word and for none.
  const gap = Math.max(0, candidate.length - 1) - Math.max(0, reference.length - 1)
  return sum * Math.exp(-(gap ** 2) / (2 * SIGMA ** 2))
}

/**
 * CIDEr-D (Vedantam et al. 2015) against the references of one image, which are weighed once; any number of
 * candidates can then be scored.
 */
export class CiderScorer {
  readonly #index = new NgramIndex()
  readonly #frequencies: DocumentFrequencies
  readonly #references: readonly Weighted[]
  /** Of each n-gram met so far, and room for another number. */
  readonly #weights: number[] = []
  readonly #room: number[] = []

  constructor(references: readonly (readonly string[])[], frequencies: DocumentFrequencies) {
    this.#frequencies = frequencies
    this.#references = references.map((reference) => this.#weigh(reference))
  }

  /** 0 to 10. */
  score(candidate: readonly string[]): number {
    return ciderOf(this.#weigh(candidate), this.#references, this.#room)
  }

  #weigh(tokens: readonly string[]): Weighted {
    const ngrams = this.#index.read(tokens)
    for (let id = this.#weights.length; id < this.#index.size; id++) {
      this.#weights.push(this.#frequencies.weight(this.#index.textOf(id)))
      this.#room.push(0)
    }
    return weigh(ngrams, this.#weights)
  }
}

/**
 * CIDEr-D of a set.
 * @param candidates tokens, one caption an image
 * @param references tokens, the captions of each image
 * @param frequencies by default those of `references`
 * @throws ShowtellError INVALID_ARGUMENT when the lengths differ or an image has no reference
 */
export function scoreCider(
  candidates: readonly (readonly string[])[],
  references: readonly (readonly (readonly string[])[])[],
  frequencies?: DocumentFrequencies,
): Scores {
  checkReferences(candidates, references)
  return ciderOfNgrams(countNgrams(candidates, references), frequencies)
}

/** `scoreCider` of captions whose n-grams are counted already. */
export function ciderOfNgrams(
  { index, candidates, references }: CountedSet,
  frequencies?: DocumentFrequencies,
): Scores {
  const weights =
    frequencies === undefined
      ? new Float64Array(countImages(references, index.size)).map((n) => weightOf(n, references.length))
      : Float64Array.from({ length: index.size }, (_, id) => frequencies.weight(index.textOf(id)))
  const room = new Float64Array(index.size)
  return meanScores(
    candidates.map((candidate, image) =>
      ciderOf(
        weigh(candidate, weights),
        references[image]!.map((reference) => weigh(reference, weights)),
        room,
      ),
    ),
  )
}
