import { checkReferences, meanScores, type Scores } from './scores.js'

/** How much recall weighs against precision. */
const BETA = 1.2

/**
 * ROUGE-L (Lin 2004): the longest common subsequence as precision and recall, each the best over an image's
 * references, joined by F with beta 1.2.
 * @param candidates tokens, one caption an image
 * @param references tokens, the captions of each image
 * @throws ShowtellError INVALID_ARGUMENT when the lengths differ or an image has no reference
 */
export function scoreRouge(
  candidates: readonly (readonly string[])[],
  references: readonly (readonly (readonly string[])[])[],
): Scores {
  checkReferences(candidates, references)
  return meanScores(candidates.map((candidate, image) => rougeOf(candidate, references[image]!)))
}

function rougeOf(candidate: readonly string[], references: readonly (readonly string[])[]): number {
  const words = orBlank(candidate)
  let precision = 0
  let recall = 0
  for (const reference of references.map(orBlank)) {
    const common = longestCommonSubsequence(words, reference)
    precision = Math.max(precision, common / words.length)
    recall = Math.max(recall, common / reference.length)
  }
  if (precision === 0 || recall === 0) return 0
  return ((1 + BETA ** 2) * precision * recall) / (recall + BETA ** 2 * precision)
}

/** The COCO evaluation splits an empty caption into one blank word, so that two empty captions agree. */
function orBlank(tokens: readonly string[]): readonly string[] {
  return tokens.length === 0 ? [''] : tokens
}

/**
 * 32 places of `a` at a time (Hyyrö 2004, "Bit-parallel LCS-length computation revisited"): a bit of `row` is 0 where
 * the common subsequence grows.
 */
function longestCommonSubsequence(a: readonly string[], b: readonly string[]): number {
  const size = Math.ceil(a.length / 32)
  // Of each word, where in the mask its bits are and which they are, in turns.
  const places = new Map<string, number[]>()
  a.forEach((token, place) => {
    const bits = places.get(token) ?? []
    if (bits.at(-2) !== place >>> 5) bits.push(place >>> 5, 0)
    bits[bits.length - 1]! |= 1 << (place & 31)
    places.set(token, bits)
  })
  const row = new Uint32Array(size).fill(-1)
  const mask = new Uint32Array(size)
  for (const token of b) {
    const bits = places.get(token)
    if (bits === undefined) continue
    for (let i = 0; i < bits.length; i += 2) mask[bits[i]!] = bits[i + 1]!
    let carry = 0
    for (let at = 0; at < size; at++) {
      const before = row[at]!
      const sum = before + ((before & mask[at]!) >>> 0) + carry
      carry = sum > 0xffffffff ? 1 : 0
      row[at] = sum | (before & ~mask[at]!)
    }
    for (let i = 0; i < bits.length; i += 2) mask[bits[i]!] = 0
  }
  let length = 0
  for (let place = 0; place < a.length; place++)
    if (((row[place >>> 5]! >>> (place & 31)) & 1) === 0) length++
  return length
}
