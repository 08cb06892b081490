import { expected } from '../errors.js'
import type { Path } from './walk.js'

export interface Hypothesis {
  /** Token ids of the words; start and end are not among them. */
  readonly tokens: Int32Array
  /** Sum of the log-probabilities of the words, and of end if it finished, in nats. */
  readonly logProb: number
  /** Log-probability of each word, nats. */
  readonly wordLogProbs: readonly number[]
  /** logProb / words^lengthPenalty. */
  readonly score: number
  /** Whether the model said end; otherwise the hypothesis had nothing left that it was allowed to say. */
  readonly finished: boolean
  /** Where the model looked, one row [regions] a word. Only when asked for and given by the model. */
  readonly alignment?: readonly Float32Array[]
}

export interface RankingOptions {
  /** Most hypotheses an image. */
  readonly count: number
  /**
   * score = logProb / words^lengthPenalty, end not counted and no words counted as one; 0 or more. Without it short
   * hypotheses win, as each word costs (length normalisation of Wu et al. 2016, section 7, there ((5 + words) / 6)^α).
   */
  readonly lengthPenalty: number
  /** Hypotheses of equal keys are doubles, of which the best stays. Without it nothing is taken for a double. */
  readonly same?: (tokens: Int32Array) => string
}

/** @throws ShowtellError INVALID_ARGUMENT for a count or length penalty out of range */
export function checkRanking({ count, lengthPenalty }: RankingOptions): void {
  if (!Number.isInteger(count) || count < 1) throw expected('an integer of 1 or more', 'count', count)
  // Below 0 a longer hypothesis would lose more than its probability, and `closes` would bound nothing.
  if (!(lengthPenalty >= 0 && lengthPenalty < Number.POSITIVE_INFINITY))
    throw expected('a number of 0 or more', 'lengthPenalty', lengthPenalty)
}

interface Entry {
  readonly path: Path
  readonly logProb: number
  readonly score: number
  readonly key: string | undefined
}

/**
 * The best hypotheses of one image. Finished and unfinished ones are never compared: the unfinished only fill the
 * places that too few finished ones leave.
 */
export class Ranking {
  private readonly finished: Entry[] = []
  private readonly unfinished: Entry[] = []

  /** @throws ShowtellError as `checkRanking` */
  constructor(private readonly options: RankingOptions) {
    checkRanking(options)
  }

  /** A hypothesis that said end, with the log-probability of end included. */
  finish(path: Path, logProb: number): void {
    this.insert(this.finished, path, logProb)
  }

  /** A hypothesis that cannot go on. */
  giveUp(path: Path): void {
    this.insert(this.unfinished, path, path.logProb)
  }

  /**
   * Whether no continuation of a hypothesis with this log-probability can come in any more. Words only lower the
   * log-probability, and no divisor is larger than that of the longest caption (after Huang et al. 2017, "When to
   * finish?").
   */
  closes(logProb: number, maxLength: number): boolean {
    const worst = this.finished[this.options.count - 1]
    return worst !== undefined && this.score(logProb, maxLength) <= worst.score
  }

  /** Best first, finished ones before the others. */
  hypotheses(): Hypothesis[] {
    const keys = new Set(this.finished.map((entry) => entry.key))
    const others = this.unfinished.filter(({ key }) => key === undefined || !keys.has(key))
    return [
      ...this.finished.map((entry) => hypothesis(entry, true)),
      ...others.map((entry) => hypothesis(entry, false)),
    ].slice(0, this.options.count)
  }

  private score(logProb: number, length: number): number {
    return logProb / Math.max(1, length) ** this.options.lengthPenalty
  }

  private insert(entries: Entry[], path: Path, logProb: number): void {
    const { count, same } = this.options
    const score = this.score(logProb, path.length)
    const rank = entries.findIndex((entry) => entry.score < score)
    const at = rank < 0 ? entries.length : rank
    if (at >= count) return
    const key = same?.(tokensOf(path))
    const double = key === undefined ? -1 : entries.findIndex((entry) => entry.key === key)
    if (double >= 0 && double < at) return
    if (double >= 0) entries.splice(double, 1)
    entries.splice(at, 0, { path, logProb, score, key })
    if (entries.length > count) entries.pop()
  }
}

function hypothesis({ path, logProb, score }: Entry, finished: boolean): Hypothesis {
  const alignment: Float32Array[] = []
  const wordLogProbs: number[] = []
  for (let word = path; word.before !== undefined; word = word.before) {
    wordLogProbs.push(word.logProb - word.before.logProb)
    if (word.before.looked !== undefined) alignment.push(word.before.looked)
  }
  const found = {
    tokens: tokensOf(path),
    logProb,
    wordLogProbs: wordLogProbs.reverse(),
    score,
    finished,
  }
  return path.looked === undefined ? found : { ...found, alignment: alignment.reverse() }
}

function tokensOf(path: Path): Int32Array {
  const tokens = new Int32Array(path.length)
  for (let word = path; word.before !== undefined; word = word.before) tokens[word.length - 1] = word.token
  return tokens
}
