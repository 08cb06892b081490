import { expected } from '../errors.js'
import { countNgrams, MAX_ORDER, type Token } from './ngrams.js'
import { meanScores, type Scores } from './scores.js'

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
  static of(references: readonly (readonly (readonly Token[])[])[]): DocumentFrequencies {
    const counts = new Map<string, number>()
    for (const captions of references) {
      const seen = new Set<string>()
      for (const caption of captions)
        for (const ngrams of countNgrams(caption)) for (const ngram of ngrams.keys()) seen.add(ngram)
      for (const ngram of seen) counts.set(ngram, (counts.get(ngram) ?? 0) + 1)
    }
    return new DocumentFrequencies(references.length, counts)
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
    return Math.log(this.images) - Math.log(Math.max(1, this.counts.get(ngram) ?? 0))
  }
}

/** A caption as CIDEr compares it: tf-idf weights by n-gram and their norm for each order, and its length. */
interface Weighted {
  readonly orders: readonly { readonly weights: ReadonlyMap<string, number>; readonly norm: number }[]
  readonly length: number
}

/**
 * CIDEr-D (Vedantam et al. 2015) against the references of one image, which are weighed once; any number of
 * candidates can then be scored. Tokens may be words or numbers, if the document frequencies were counted over the same.
 */
export class CiderScorer {
  private readonly references: readonly Weighted[]

  constructor(
    references: readonly (readonly Token[])[],
    private readonly frequencies: DocumentFrequencies,
  ) {
    this.references = references.map((reference) => weigh(reference, frequencies))
  }

  /** 0 to 10. */
  score(candidate: readonly Token[]): number {
    if (this.references.length === 0) return 0
    const weighted = weigh(candidate, this.frequencies)
    let sum = 0
    for (const reference of this.references) sum += similarity(weighted, reference)
    return (sum / MAX_ORDER / this.references.length) * SCALE
  }
}

function weigh(tokens: readonly Token[], frequencies: DocumentFrequencies): Weighted {
  const orders = countNgrams(tokens).map((counts) => {
    const weights = new Map<string, number>()
    let squares = 0
    for (const [ngram, count] of counts) {
      const weight = count * frequencies.weight(ngram)
      weights.set(ngram, weight)
      squares += weight * weight
    }
    return { weights, norm: Math.sqrt(squares) }
  })
  // The COCO evaluation counts bigrams where the paper says words; only differences matter, except for a lone word.
  return { orders, length: Math.max(0, tokens.length - 1) }
}

/** Summed over the orders: the cosine of the clipped candidate and the reference, less the more their lengths differ. */
function similarity(candidate: Weighted, reference: Weighted): number {
  let sum = 0
  for (let order = 0; order < MAX_ORDER; order++) {
    const a = candidate.orders[order]
    const b = reference.orders[order]
    if (a === undefined || b === undefined || a.norm === 0 || b.norm === 0) continue
    let product = 0
    for (const [ngram, weight] of a.weights) {
      const other = b.weights.get(ngram)
      if (other !== undefined) product += Math.min(weight, other) * other
    }
    sum += product / (a.norm * b.norm)
  }
  return sum * Math.exp(-((candidate.length - reference.length) ** 2) / (2 * SIGMA ** 2))
}

/**
 * CIDEr-D of a set.
 * @param candidates tokens, one caption an image
 * @param references tokens, the captions of each image
 * @param frequencies by default those of `references`
 */
export function scoreCider(
  candidates: readonly (readonly Token[])[],
  references: readonly (readonly (readonly Token[])[])[],
  frequencies = DocumentFrequencies.of(references),
): Scores {
  return meanScores(
    candidates.map((candidate, image) =>
      new CiderScorer(references[image] ?? [], frequencies).score(candidate),
    ),
  )
}
