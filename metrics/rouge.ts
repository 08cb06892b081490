import type { Token } from './ngrams.js'
import { meanScores, type Scores } from './scores.js'

/** How much recall weighs against precision. */
const BETA = 1.2

/**
 * ROUGE-L (Lin 2004): the longest common subsequence as precision and recall, each the best over an image's
 * references, joined by F with beta 1.2.
 * @param candidates tokens, one caption an image
 * @param references tokens, the captions of each image
 */
export function scoreRouge(
  candidates: readonly (readonly Token[])[],
  references: readonly (readonly (readonly Token[])[])[],
): Scores {
  return meanScores(candidates.map((candidate, image) => rougeOf(candidate, references[image] ?? [])))
}

function rougeOf(candidate: readonly Token[], references: readonly (readonly Token[])[]): number {
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
function orBlank(tokens: readonly Token[]): readonly Token[] {
  return tokens.length === 0 ? [''] : tokens
}

function longestCommonSubsequence(a: readonly Token[], b: readonly Token[]): number {
  const row = new Uint32Array(b.length + 1)
  for (const word of a) {
    let diagonal = 0
    for (let j = 1; j <= b.length; j++) {
      const above = row[j] ?? 0
      row[j] = word === b[j - 1] ? diagonal + 1 : Math.max(above, row[j - 1] ?? 0)
      diagonal = above
    }
  }
  return row[b.length] ?? 0
}
