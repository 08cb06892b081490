import { expected } from '../errors.js'

/** The words of a hypothesis, last one first. What came before is shared with its siblings. */
export interface Words {
  /** Absent before the first word. */
  readonly before: Words | undefined
  readonly token: number
  /** Words up to this one; 0 is the start, which is no word. */
  readonly length: number
}

export interface ConstraintOptions {
  readonly vocabularySize: number
  readonly end: number
  /** Fewest words before end. */
  readonly minLength: number
  /** Most words; after them only end may come. */
  readonly maxLength: number
  /** Tokens that never come: pad, unknown and start tokens as well as words that somebody does not want. */
  readonly banned: Iterable<number>
  /** Sequences of this many tokens come once at most (Paulus et al. 2018, section 2.5); 0 allows all. */
  readonly noRepeatNgram: number
  /** [vocabulary size] 0 for a free token; of the tokens with the same other number one may come, once. */
  readonly exclusive?: Int32Array
  /** [vocabulary size] 1 for a token that end may not follow. */
  readonly notLast?: Uint8Array
  /** Whether that holds after these tokens, last one first; always when absent. */
  readonly unfinished?: (said: readonly number[]) => boolean
}

/**
 * What a hypothesis may not say next. Bans that hold for all hypotheses of a length are a bias row, which the model
 * adds before it takes its best k; bans of one hypothesis follow from its words, and `mostBans` bounds their number.
 * @throws ShowtellError INVALID_ARGUMENT for a number out of range or an array of another length
 */
export class Constraints {
  readonly vocabularySize: number
  readonly end: number
  readonly maxLength: number
  private readonly minLength: number
  private readonly noRepeatNgram: number
  private readonly exclusive: Int32Array | undefined
  private readonly notLast: Uint8Array | undefined
  private readonly unfinished: ConstraintOptions['unfinished']
  /** Bias while end is too early, in between, for the last word, and when there is no word left to say. */
  private readonly rows: { early: Float32Array; free: Float32Array; last: Float32Array; full: Float32Array }
  /** Entry n: tokens of the n largest groups of exclusive tokens. */
  private readonly excluded: readonly number[]

  constructor(options: ConstraintOptions) {
    const { vocabularySize, end, minLength, maxLength, noRepeatNgram, exclusive, notLast, unfinished } =
      options
    integer('vocabularySize', vocabularySize, 1)
    integer('end', end, 0, vocabularySize - 1)
    integer('maxLength', maxLength, 1)
    integer('minLength', minLength, 0, maxLength)
    integer('noRepeatNgram', noRepeatNgram, 0)
    for (const [name, values] of Object.entries({ exclusive, notLast }))
      if (values !== undefined && values.length !== vocabularySize)
        throw expected(`${vocabularySize} numbers`, name, values.length)
    this.vocabularySize = vocabularySize
    this.end = end
    this.minLength = minLength
    this.maxLength = maxLength
    this.noRepeatNgram = noRepeatNgram
    this.exclusive = exclusive
    this.notLast = notLast
    this.unfinished = unfinished

    const free = new Float32Array(vocabularySize)
    for (const token of options.banned) {
      integer('banned', token, 0, vocabularySize - 1)
      free[token] = Number.NEGATIVE_INFINITY
    }
    const without = (row: Float32Array, isBanned: (token: number) => boolean) =>
      row.map((bias, token) => (isBanned(token) ? Number.NEGATIVE_INFINITY : bias))
    const early = without(free, (token) => token === end)
    this.rows = {
      early,
      free,
      // A word that end may not follow cannot be the last one that fits.
      last: without(
        minLength === maxLength ? early : free,
        (token) => token !== end && notLast?.[token] === 1,
      ),
      full: without(free, (token) => token !== end),
    }
    this.excluded = largestGroups(exclusive, free, maxLength)
  }

  /** Bias row [vocabulary size] of the token after `length` words: 0, or −Infinity where it is banned for all. */
  bias(length: number): Float32Array {
    if (length >= this.maxLength) return this.rows.full
    if (length === this.maxLength - 1) return this.rows.last
    return length < this.minLength ? this.rows.early : this.rows.free
  }

  /**
   * Upper bound of the tokens that one hypothesis of `length` words bans for itself, on top of the bias row. The best
   * `n + mostBans(length)` continuations hold the n best that are allowed.
   */
  mostBans(length: number): number {
    if (length >= this.maxLength) return 1
    const end = this.notLast === undefined ? 0 : 1
    const ngrams = this.noRepeatNgram === 0 ? 0 : Math.max(0, length - this.noRepeatNgram + 1)
    return end + ngrams + this.excluded[length]!
  }

  /** Whether a token may not follow these words. */
  forbidden(words: Words): (token: number) => boolean {
    const { end, exclusive, notLast } = this
    const bias = this.bias(words.length)
    const isNotLast = notLast?.[words.token] === 1 && words.before !== undefined
    // Not unless a rule asks for it: a walk back at every word makes a long text a matter of its square.
    const said = isNotLast || this.noRepeatNgram > 0 || exclusive !== undefined ? saidIn(words) : []
    const endBanned = isNotLast && (this.unfinished?.(said) ?? true)
    const repeating = completions(said, this.noRepeatNgram)
    const used =
      exclusive === undefined ? [] : said.map((token) => exclusive[token]!).filter((group) => group !== 0)
    return (token) => {
      if (bias[token] !== 0) return true
      if (token === end) return endBanned
      if (repeating.includes(token)) return true
      const group = exclusive === undefined ? 0 : exclusive[token]!
      return group !== 0 && used.includes(group)
    }
  }
}

/** The tokens of the words, last one first. */
function saidIn(words: Words): number[] {
  const said: number[] = []
  for (let word = words; word.before !== undefined; word = word.before) said.push(word.token)
  return said
}

/** Tokens that would complete a sequence of `n` tokens a second time; `said` has the last token first. */
function completions(said: readonly number[], n: number): number[] {
  const found: number[] = []
  if (n === 0) return found
  for (let next = 0; next + n <= said.length; next++) {
    let same = 0
    while (same < n - 1 && said[same] === said[next + 1 + same]) same++
    if (same === n - 1) found.push(said[next]!)
  }
  return found
}

function largestGroups(exclusive: Int32Array | undefined, bias: Float32Array, most: number): number[] {
  const sizes = new Map<number, number>()
  exclusive?.forEach((group, token) => {
    if (group !== 0 && bias[token] === 0) sizes.set(group, (sizes.get(group) ?? 0) + 1)
  })
  const sorted = [...sizes.values()].sort((a, b) => b - a)
  const totals = [0]
  for (let n = 0; n < most; n++) totals.push(totals[n]! + (sorted[n] ?? 0))
  return totals
}

function integer(name: string, value: number, from: number, to = Number.POSITIVE_INFINITY): void {
  if (Number.isInteger(value) && value >= from && value <= to) return
  throw expected(
    `an integer ${to < Number.POSITIVE_INFINITY ? `from ${from} to ${to}` : `of ${from} or more`}`,
    name,
    value,
  )
}
