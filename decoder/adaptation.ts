import { Vocabulary } from '../data/vocabulary.js'

/** The decoder's parameters that have a row a token. */
const ROWS_OF_TOKENS = ['embedding', 'bias']

/**
 * The vocabulary that a captioner has after it was given captions of its users: the styles that are new come after the
 * others, and so do the words that are new and occur `minimumCount` times or more.
 * @param captions the words of each caption
 */
export function adaptedVocabulary(
  known: Vocabulary,
  captions: Iterable<readonly string[]>,
  options: { readonly minimumCount: number; readonly styles: readonly string[] },
): Vocabulary {
  const { words } = Vocabulary.build(captions, options).toJSON()
  return known.extend(words, options.styles)
}

/**
 * A decoder's weights for another vocabulary: each token that it knew has its row, wherever its token id has moved; a
 * new word has the mean of the words' rows, a new style the mean of the start tokens'. All else stays, so that what the
 * decoder knew it says as likely as before, but for what the new words take.
 */
export function adaptedWeights(
  weights: Readonly<Record<string, Float32Array>>,
  from: Vocabulary,
  to: Vocabulary,
): Record<string, Float32Array> {
  const idBefore = new Map(Array.from({ length: from.size }, (_, id) => [from.word(id), id]))
  const firstStart = from.startOf(from.styles[0]!)
  return Object.fromEntries(
    Object.entries(weights).map(([name, values]) => {
      if (!ROWS_OF_TOKENS.includes(name)) return [name, values]
      const width = values.length / from.size
      const rowOf = (id: number): Float32Array => values.subarray(id * width, (id + 1) * width)
      const newStyle = meanOf(rowOf, firstStart, from.firstWord, width)
      const newWord = meanOf(rowOf, from.firstWord, from.size, width)
      const moved = new Float32Array(to.size * width)
      for (let id = 0; id < to.size; id++) {
        const before = idBefore.get(to.word(id))
        moved.set(before === undefined ? (id < to.firstWord ? newStyle : newWord) : rowOf(before), id * width)
      }
      return [name, moved]
    }),
  )
}

function meanOf(rowOf: (id: number) => Float32Array, from: number, to: number, width: number): Float32Array {
  const mean = new Float32Array(width)
  for (let id = from; id < to; id++)
    for (const [i, value] of rowOf(id).entries()) mean[i]! += value / (to - from)
  return mean
}
