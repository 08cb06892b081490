import { countNgrams, MAX_ORDER, type Scores, type Token } from './ngrams.js'

/** What keeps a precision above zero when no n-gram matches, and its divisor when there is none; as in the COCO evaluation. */
const TINY = 1e-15
const SMALL = 1e-9

/** Sums over captions from which BLEU follows. */
interface Statistics {
  candidateLength: number
  referenceLength: number
  /** Clipped matches and n-grams of the candidate, by order. */
  readonly matches: number[]
  readonly total: number[]
}

/**
 * BLEU-1 to BLEU-4 (Papineni et al. 2002), the reference length being the one closest to the candidate's, the shorter
 * on a tie. A caption's own BLEU comes from the same formula over its counts alone.
 * @param candidates tokens, one caption an image
 * @param references tokens, the captions of each image
 * @returns four scores, BLEU-1 first
 */
export function scoreBleu(
  candidates: readonly (readonly Token[])[],
  references: readonly (readonly (readonly Token[])[])[],
): readonly Scores[] {
  const sum = emptyStatistics()
  const perImage = candidates.map((candidate, image) => {
    const statistics = compare(candidate, references[image] ?? [])
    sum.candidateLength += statistics.candidateLength
    sum.referenceLength += statistics.referenceLength
    for (let order = 0; order < MAX_ORDER; order++) {
      sum.matches[order] = (sum.matches[order] ?? 0) + (statistics.matches[order] ?? 0)
      sum.total[order] = (sum.total[order] ?? 0) + (statistics.total[order] ?? 0)
    }
    return bleuOf(statistics)
  })
  return bleuOf(sum).map((corpus, order) => ({
    corpus: candidates.length === 0 ? 0 : corpus,
    perImage: perImage.map((values) => values[order] ?? 0),
  }))
}

function emptyStatistics(): Statistics {
  return {
    candidateLength: 0,
    referenceLength: 0,
    matches: new Array<number>(MAX_ORDER).fill(0),
    total: new Array<number>(MAX_ORDER).fill(0),
  }
}

function compare(candidate: readonly Token[], references: readonly (readonly Token[])[]): Statistics {
  const statistics = emptyStatistics()
  statistics.candidateLength = candidate.length
  statistics.referenceLength = closestLength(candidate.length, references)
  const counted = references.map(countNgrams)
  for (const [order, counts] of countNgrams(candidate).entries()) {
    statistics.total[order] = Math.max(0, candidate.length - order)
    let matches = 0
    for (const [ngram, count] of counts) {
      let most = 0
      for (const reference of counted) most = Math.max(most, reference[order]?.get(ngram) ?? 0)
      matches += Math.min(count, most)
    }
    statistics.matches[order] = matches
  }
  return statistics
}

function closestLength(length: number, references: readonly (readonly Token[])[]): number {
  let closest = Number.POSITIVE_INFINITY
  for (const reference of references) {
    const nearer = Math.abs(reference.length - length) - Math.abs(closest - length)
    if (nearer < 0 || (nearer === 0 && reference.length < closest)) closest = reference.length
  }
  return closest === Number.POSITIVE_INFINITY ? 0 : closest
}

function bleuOf(statistics: Statistics): number[] {
  const ratio = (statistics.candidateLength + TINY) / (statistics.referenceLength + SMALL)
  const brevity = ratio < 1 ? Math.exp(1 - 1 / ratio) : 1
  let product = 1
  return statistics.matches.map((matches, order) => {
    product *= (matches + TINY) / ((statistics.total[order] ?? 0) + SMALL)
    return product ** (1 / (order + 1)) * brevity
  })
}
