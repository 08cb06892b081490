import { countNgrams, MAX_ORDER, type Token } from './ngrams.js'
import type { Scores } from './scores.js'

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
  const statistics = candidates.map((candidate, image) => compare(candidate, references[image] ?? []))
  const perImage = statistics.map(bleuOf)
  const resample = (images: ArrayLike<number>): number[] => bleuOf(sumOf(statistics, images))
  const corpus = resample(candidates.map((_, image) => image))
  return corpus.map((value, order) => ({
    corpus: value,
    perImage: perImage.map((values) => values[order] ?? 0),
    resample: (images) => resample(images)[order] ?? 0,
  }))
}

function sumOf(statistics: readonly Statistics[], images: ArrayLike<number>): Statistics {
  const sum = emptyStatistics()
  for (let i = 0; i < images.length; i++) {
    const one = statistics[images[i] ?? -1]
    if (one === undefined) continue
    sum.candidateLength += one.candidateLength
    sum.referenceLength += one.referenceLength
    for (let order = 0; order < MAX_ORDER; order++) {
      sum.matches[order] = (sum.matches[order] ?? 0) + (one.matches[order] ?? 0)
      sum.total[order] = (sum.total[order] ?? 0) + (one.total[order] ?? 0)
    }
  }
  return sum
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
  if (statistics.candidateLength === 0) return statistics.matches.map(() => 0)
  const ratio = (statistics.candidateLength + TINY) / (statistics.referenceLength + SMALL)
  const brevity = ratio < 1 ? Math.exp(1 - 1 / ratio) : 1
  let product = 1
  return statistics.matches.map((matches, order) => {
    product *= (matches + TINY) / ((statistics.total[order] ?? 0) + SMALL)
    return product ** (1 / (order + 1)) * brevity
  })
}
