import { type CountedSet, countNgrams, MAX_ORDER, type Ngrams } from './ngrams.js'
import { checkReferences, type Scores, summing } from './scores.js'

/** What keeps a precision above zero when no n-gram matches, and its divisor when there is none; as in the COCO evaluation. */
const TINY = 1e-15
const SMALL = 1e-9

/**
 * BLEU-1 to BLEU-4 (Papineni et al. 2002), the reference length being the one closest to the candidate's, the shorter
 * on a tie. A caption's own BLEU comes from the same formula over its counts alone.
 * @param candidates tokens, one caption an image
 * @param references tokens, the captions of each image
 * @returns four scores, BLEU-1 first
 * @throws ShowtellError INVALID_ARGUMENT when the lengths differ or an image has no reference
 */
export function scoreBleu(
  candidates: readonly (readonly string[])[],
  references: readonly (readonly (readonly string[])[])[],
): readonly Scores[] {
  checkReferences(candidates, references)
  return bleuOfNgrams(countNgrams(candidates, references))
}

/** `scoreBleu` of captions whose n-grams are counted already. */
export function bleuOfNgrams({ index, candidates, references }: CountedSet): readonly Scores[] {
  const places = new Int32Array(index.size)
  const statistics = candidates.map((candidate, image) => compare(candidate, references[image]!, places))
  const perImage = statistics.map(bleuOf)
  const sumOf = summing(statistics)
  const resample = (images: ArrayLike<number>): number[] => bleuOf(sumOf(images))
  const corpus = resample(candidates.map((_, image) => image))
  return corpus.map((value, order) => ({
    corpus: value,
    perImage: perImage.map((values) => values[order] ?? 0),
    resample: (images) => resample(images)[order] ?? 0,
  }))
}

/**
 * [length, length of the closest reference, and for each order clipped matches and n-grams]
 * @param places room for a number an n-gram, whatever is in it
 */
function compare(candidate: Ngrams, references: readonly Ngrams[], places: Int32Array): number[] {
  const { ids, counts, starts, length } = candidate
  for (let at = 0; at < ids.length; at++) places[ids[at]!] = at
  const most = ids.map(() => 0)
  for (const reference of references)
    for (let i = 0; i < reference.ids.length; i++) {
      const id = reference.ids[i]!
      const at = places[id]!
      if (ids[at] === id) most[at] = Math.max(most[at]!, reference.counts[i]!)
    }
  const statistics = [length, closestLength(length, references)]
  for (let order = 0; order < MAX_ORDER; order++) {
    let matches = 0
    for (let at = starts[order]!; at < starts[order + 1]!; at++) matches += Math.min(counts[at]!, most[at]!)
    statistics.push(matches, Math.max(0, length - order))
  }
  return statistics
}

function closestLength(length: number, references: readonly Ngrams[]): number {
  let closest = Number.POSITIVE_INFINITY
  for (const reference of references) {
    const nearer = Math.abs(reference.length - length) - Math.abs(closest - length)
    if (nearer < 0 || (nearer === 0 && reference.length < closest)) closest = reference.length
  }
  return closest === Number.POSITIVE_INFINITY ? 0 : closest
}

/** BLEU-1 to BLEU-4 of what `compare` gives, or of its sums over many captions. */
function bleuOf([length = 0, referenceLength = 0, ...ofOrders]: readonly number[]): number[] {
  const ratio = (length + TINY) / (referenceLength + SMALL)
  const brevity = ratio < 1 ? Math.exp(1 - 1 / ratio) : 1
  let product = 1
  return Array.from({ length: MAX_ORDER }, (_, order) => {
    const [matches = 0, total = 0] = ofOrders.slice(2 * order)
    product *= (matches + TINY) / (total + SMALL)
    return length === 0 ? 0 : product ** (1 / (order + 1)) * brevity
  })
}
