import { breaksOff, isContentWord } from '../data/function-words.js'
import { expected } from '../errors.js'
import { share } from './scores.js'

export interface DiversityScores {
  /** Share of captions that no earlier caption of the set repeats word for word. */
  readonly distinct: number
  /** Different words used. */
  readonly vocabulary: number
  /** Words a caption. */
  readonly meanLength: number
  /** Share of captions that use some content word more than once. */
  readonly repeating: number
  /** Share of captions that end where another word must come, see `breaksOff`. */
  readonly dangling: number
  /** Share of captions without a word. */
  readonly empty: number
  /** Share of captions that stand word for word in the training set, if one was given. */
  readonly copied?: number
  /** Captions by their number of words. */
  readonly lengths: readonly number[]
}

/**
 * What overlap with references hides.
 * @param candidates tokens, one caption an image
 * @param training tokens of the captions that the model was trained on
 */
export function scoreDiversity(
  candidates: readonly (readonly string[])[],
  training?: Iterable<readonly string[]>,
): DiversityScores {
  const all = candidates.map((tokens) => tokens.join(' '))
  const shareThat = (has: (tokens: readonly string[], index: number) => boolean): number =>
    share(candidates.filter(has).length, candidates.length)
  const lengths: number[] = []
  for (const { length } of candidates) {
    while (lengths.length <= length) lengths.push(0)
    lengths[length] = (lengths[length] ?? 0) + 1
  }
  const words = candidates.reduce((sum, { length }) => sum + length, 0)
  const known =
    training === undefined ? undefined : new Set(Array.from(training, (tokens) => tokens.join(' ')))
  return {
    distinct: share(new Set(all).size, candidates.length),
    vocabulary: new Set(candidates.flat()).size,
    meanLength: share(words, candidates.length),
    repeating: shareThat((tokens) => repeatedWords(tokens).length > 0),
    dangling: shareThat(breaksOff),
    empty: shareThat((tokens) => tokens.length === 0),
    ...(known === undefined
      ? {}
      : { copied: shareThat((tokens, index) => tokens.length > 0 && known.has(all[index] ?? '')) }),
    lengths,
  }
}

/** The content words that a caption uses more than once. */
export function repeatedWords(tokens: readonly string[]): string[] {
  return [...new Set(tokens.filter((token, at) => isContentWord(token) && tokens.indexOf(token) < at))]
}

/** How many values fall into each of equally wide bins from `low` to `high`; what lies outside counts at the ends. */
export function histogram(values: readonly number[], bins: number, low: number, high: number): number[] {
  if (!Number.isInteger(bins) || bins < 1) throw expected('a positive integer', 'bins', bins)
  if (!(high > low)) throw expected(`a number above ${low}`, 'high', high)
  const counts = new Array<number>(bins).fill(0)
  for (const value of values) {
    const bin = Math.min(bins - 1, Math.max(0, Math.floor(((value - low) / (high - low)) * bins)))
    counts[bin] = (counts[bin] ?? 0) + 1
  }
  return counts
}
