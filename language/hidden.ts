import { Random } from '../random.js'

/** Something about a text that a unit may follow, a number a token. */
export interface Signal {
  readonly name: string
  readonly values: Float32Array
}

/** One unit of a network over a text, a value from −1 to 1 a token. */
export interface UnitTrace {
  /** As `cell2 17`: the state and the place in it. */
  readonly name: string
  readonly values: Float32Array
}

/** A unit of a list, and how well it follows a signal: Pearson's correlation, −1 to 1. */
export interface Follower {
  readonly unit: number
  readonly correlation: number
}

/** A signal's name, and the units that follow it best. */
export interface Ranking {
  readonly name: string
  /** The largest correlation, of either sign, that any unit has with the signal in shuffled order. */
  readonly chance: number
  /** Those above it. */
  readonly followers: readonly Follower[]
}

/** Units of a ranking at most, and shuffles that they are held against. */
const [RANKED, SHUFFLES] = [12, 20]

/** Of the names of states those that `tracesOf` shows: cells, or where there are none hidden states; a network without memory has neither. */
export function tracedStates(names: readonly string[]): string[] {
  const cells = names.filter((name) => name.startsWith('cell'))
  return cells.length > 0 ? cells : names.filter((name) => name.startsWith('hidden'))
}

/**
 * What each unit does over a text: tanh of the cell where there is one (Karpathy et al. 2016, "Visualizing and
 * understanding recurrent networks", section 4.2), else the hidden state, which lies between −1 and 1 already.
 * @param states after each token, by name, all units of one hypothesis.
 */
export function tracesOf(states: readonly Readonly<Record<string, ArrayLike<number>>>[]): UnitTrace[] {
  const shown = tracedStates(Object.keys(states[0] ?? {}))
  return shown.flatMap((name) =>
    Array.from({ length: states[0]![name]!.length }, (_, unit) => ({
      name: `${name} ${unit}`,
      values: Float32Array.from(states, (state) => {
        const value = state[name]![unit]!
        return name.startsWith('cell') ? Math.tanh(value) : value
      }),
    })),
  )
}

/**
 * What a unit of a character model may follow: whether a quotation is open, how long the line is already, how far into a
 * word the character is (0 between words). A quotation opens with a mark between a space (or a bracket) and something
 * that is none, and closes with its partner after punctuation, a letter or a digit and before a space or punctuation; a
 * single mark, straight or curved, which may be an apostrophe there, closes after punctuation alone. An opening that has
 * not closed when one before it does, or at the end of its paragraph, was an apostrophe. Apostrophes and combining marks
 * are part of a word.
 */
export function textSignals(characters: readonly string[]): Signal[] {
  const quotes = new Float32Array(characters.length)
  const lines = new Float32Array(characters.length)
  const words = new Float32Array(characters.length)
  /** Where the quotations began that are open. */
  let opened: number[] = []
  let column = 0
  for (const [i, character] of characters.entries()) {
    const before = characters[i - 1] ?? '\n'
    const after = characters[i + 1] ?? '\n'
    const endsParagraph = character === '\n' && column === 0
    // The \r of \r\n is part of the break: it neither makes an empty line nor lengthens one.
    const isBreak = character === '\n' || (character === '\r' && after === '\n')
    if (character === '\n') column = 0
    else if (!isBreak) column++
    lines[i] = isBreak ? 0 : column
    words[i] = /[\p{L}\p{N}\p{M}'’]/u.test(character) ? (words[i - 1] ?? 0) + 1 : 0
    if (endsParagraph) opened = []
    else if (/["'“‘]/.test(character) && /[\s([]/.test(before) && /\S/.test(after)) opened.push(i)
    else {
      const closed = opened.findLastIndex((at) => closes(characters[at]!, character, before, after))
      if (closed >= 0) {
        quotes.fill(1, opened[closed]!, i + 1)
        opened = opened.slice(0, closed)
      }
    }
  }
  return [
    { name: 'inside quotes', values: quotes },
    { name: 'length of the line', values: lines },
    { name: 'position in a word', values: words },
  ]
}

const CLOSING: Readonly<Record<string, string>> = { '"': '"', "'": "'", '“': '”', '‘': '’' }

function closes(opening: string, character: string, before: string, after: string): boolean {
  if (character !== CLOSING[opening]) return false
  return (
    /[\p{P}\p{L}\p{N}\p{M}]/u.test(before) &&
    /[\s\p{P}]/u.test(after) &&
    (/["“]/.test(opening) || /\p{P}/u.test(before))
  )
}

/**
 * Of each signal the units that follow it best, in either direction, a dozen at most; none where it never changes. Over a
 * few words the best of hundreds of units follows anything, whatever the network is. So those count that follow the signal
 * better than any follows it in shuffled order, which units of noise do for one signal in 21. Of units and signals that
 * drift from token to token the best reaches more by chance than that: `chance` is the least that it may be.
 */
export function rankingsOf(units: readonly UnitTrace[], signals: readonly Signal[]): Ranking[] {
  const traces = units.map(({ values }) => standardised(values))
  return signals.map(({ name, values }) => {
    const signal = standardised(values)
    const random = new Random('chance', name)
    const best = Array.from({ length: SHUFFLES }, () =>
      Math.abs(followers(traces, random.shuffle(signal.slice()))[0]?.correlation ?? 0),
    )
    const chance = Math.max(...best)
    const above = followers(traces, signal).filter(({ correlation }) => Math.abs(correlation) > chance)
    return { name, chance, followers: above.slice(0, RANKED) }
  })
}

/** All units by how well they follow a signal, the best first, those that never change left out. */
function followers(traces: readonly Float64Array[], signal: Float64Array): Follower[] {
  return traces
    .map((trace, unit) => ({
      unit,
      correlation: trace.reduce((sum, value, i) => sum + value * signal[i]!, 0),
    }))
    .filter((follower) => Number.isFinite(follower.correlation))
    .sort((a, b) => Math.abs(b.correlation) - Math.abs(a.correlation))
}

/** With mean 0 and length 1: the product of two such is Pearson's correlation. NaN where nothing changes. */
function standardised(values: Float32Array): Float64Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const centred = Float64Array.from(values, (value) => value - mean)
  const length = Math.sqrt(centred.reduce((sum, value) => sum + value * value, 0))
  return centred.map((value) => value / length)
}
