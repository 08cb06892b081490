/** A word, or its number in a vocabulary. */
export type Token = string | number

/** The longest n-grams of BLEU and CIDEr. */
export const MAX_ORDER = 4

/**
 * How often each n-gram of 1 to 4 words occurs, one map an order. The key is the words joined by spaces, which no
 * token holds.
 */
export function countNgrams(tokens: readonly Token[]): Map<string, number>[] {
  const counts = Array.from({ length: MAX_ORDER }, () => new Map<string, number>())
  // Parts of one text: joining each n-gram's words takes twice as long.
  const text = tokens.join(' ')
  const ends: number[] = []
  for (const token of tokens) ends.push((ends.at(-1) ?? -1) + 1 + String(token).length)
  let start = 0
  for (let first = 0; first < tokens.length; first++) {
    for (let order = 0; order < MAX_ORDER && first + order < tokens.length; order++) {
      const ngram = text.slice(start, ends[first + order])
      counts[order]!.set(ngram, (counts[order]!.get(ngram) ?? 0) + 1)
    }
    start = ends[first]! + 1
  }
  return counts
}
