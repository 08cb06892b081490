/** A word, or its number in a vocabulary. */
export type Token = string | number

/** The longest n-grams of BLEU and CIDEr. */
export const MAX_ORDER = 4

/**
 * How often each n-gram of 1 to 4 words occurs, one map an order. The key is the words joined by spaces, which no
 * token holds.
 */
export function countNgrams(tokens: readonly Token[]): Map<string, number>[] {
  return Array.from({ length: MAX_ORDER }, (_, index) => {
    const counts = new Map<string, number>()
    for (let start = 0; start + index < tokens.length; start++) {
      let key = String(tokens[start])
      for (let i = 1; i <= index; i++) key += ` ${tokens[start + i]}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    return counts
  })
}
