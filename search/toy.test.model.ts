import { Random } from '../random.js'
import type { ConstraintOptions } from './constraints.js'
import type { Continuations, SequenceModel } from './model.js'

/** For every hypothesis the tokens that it was fed. */
type Histories = { readonly rows: readonly (readonly number[])[]; released: boolean }

/**
 * A language drawn at random: each history of each photo has a distribution of its own, and all states are checked
 * to be used and released as the contract says.
 */
export class ToyModel implements SequenceModel<Histories> {
  steps = 0
  private readonly states: Histories[] = []
  private readonly known = new Map<string, readonly number[]>()

  /** @param photos one seed an image @param sharpness spread of the logits @param noise added to each log-probability */
  constructor(
    readonly photos: readonly number[],
    readonly vocabularySize: number,
    readonly sharpness = 1.5,
    private readonly noise: () => number = () => 0,
  ) {}

  get images(): number {
    return this.photos.length
  }

  get unreleased(): number {
    return this.states.filter((state) => !state.released).length
  }

  async start(): Promise<Histories> {
    return this.hold(this.photos.map(() => []))
  }

  async step(tokens: Int32Array, state: Histories, k: number, bias: Float32Array) {
    this.steps++
    this.use(state)
    if (tokens.length !== state.rows.length)
      throw new Error(`${tokens.length} tokens, ${state.rows.length} rows`)
    const next = this.hold(state.rows.map((row, i) => [...row, tokens[i]!]))
    const continuations = {
      tokens: new Int32Array(tokens.length * k),
      logProbs: new Float32Array(tokens.length * k),
      alignment: this.alignments(next),
    }
    this.biased(next, bias).forEach((logProbs, i) => {
      const order = [...logProbs.keys()].sort((a, b) => logProbs[b]! - logProbs[a]! || a - b).slice(0, k)
      continuations.tokens.set(order, i * k)
      continuations.logProbs.set(
        Float32Array.from(order, (token) => logProbs[token]!),
        i * k,
      )
    })
    return { continuations: continuations satisfies Continuations, state: next }
  }

  /** As `step`, but whole rows in the order of the tokens. */
  async rows(tokens: Int32Array, state: Histories, bias: Float32Array) {
    this.use(state)
    const next = this.hold(state.rows.map((row, i) => [...row, tokens[i]!]))
    const logProbs = Float32Array.from(this.biased(next, bias).flat())
    return { logProbs, alignment: this.alignments(next), state: next }
  }

  select(state: Histories, parents: Int32Array): Histories {
    this.use(state)
    const [before, after] = [state.rows.length / this.images, parents.length / this.images]
    return this.hold(
      Array.from(parents, (parent, i) => {
        if (parent < 0 || parent >= before) throw new Error(`parent ${parent} of ${before}`)
        return state.rows[Math.floor(i / after) * before + parent]!
      }),
    )
  }

  release(state: Histories): void {
    this.use(state)
    state.released = true
  }

  /** Natural logarithms of the probabilities after a history that begins with the start token, in float32. */
  logProbs(image: number, history: readonly number[]): readonly number[] {
    const key = [this.photos[image]!, ...history].join()
    const known = this.known.get(key)
    if (known !== undefined) return known
    const random = new Random(this.photos[image]!, 'toy', ...history)
    const logits = Array.from({ length: this.vocabularySize }, () => this.sharpness * random.normal())
    const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0))
    const row = logits.map((logit) => Math.fround(logit - total))
    this.known.set(key, row)
    return row
  }

  /** Three regions. */
  alignment(history: readonly number[]): number[] {
    const random = new Random('alignment', ...history)
    return [random.uniform(), random.uniform(), random.uniform()].map(Math.fround)
  }

  private biased({ rows }: Histories, bias: Float32Array): number[][] {
    const hypotheses = rows.length / this.images
    return rows.map((row, i) =>
      this.logProbs(Math.floor(i / hypotheses), row).map(
        (logProb, token) => logProb + bias[token]! + this.noise(),
      ),
    )
  }

  private alignments({ rows }: Histories): Float32Array {
    return Float32Array.from(rows.flatMap((row) => this.alignment(row)))
  }

  private hold(rows: readonly (readonly number[])[]): Histories {
    const state = { rows, released: false }
    this.states.push(state)
    return state
  }

  private use(state: Histories): void {
    if (state.released) throw new Error('state used after its release')
  }
}

/** The constraints once more, read off the whole caption. */
export function mayFollow(options: ConstraintOptions, words: readonly number[], token: number): boolean {
  const { end, minLength, maxLength, noRepeatNgram: n, exclusive, notLast, unfinished } = options
  if ([...options.banned].includes(token)) return false
  if (token === end) {
    const open =
      notLast?.[words.at(-1) ?? -1] === 1 && (unfinished === undefined || unfinished(words.toReversed()))
    return words.length >= minLength && !open
  }
  const caption = [...words, token]
  if (caption.length > maxLength) return false
  if (caption.length === maxLength && notLast?.[token] === 1) return false
  const ngrams = n === 0 ? [] : caption.slice(n - 1).map((_, i) => caption.slice(i, i + n).join())
  const groups = caption.map((word) => exclusive?.[word] ?? 0).filter((group) => group !== 0)
  return new Set(ngrams).size === ngrams.length && new Set(groups).size === groups.length
}

export interface Complete {
  readonly tokens: number[]
  readonly logProb: number
}

/** Every caption that the constraints let end. */
export function enumerate(
  model: Pick<ToyModel, 'logProbs'>,
  image: number,
  start: number,
  options: ConstraintOptions,
): Complete[] {
  const found: Complete[] = []
  const visit = (words: readonly number[], logProb: number): void => {
    model.logProbs(image, [start, ...words]).forEach((next, token) => {
      if (!mayFollow(options, words, token)) return
      if (token === options.end) found.push({ tokens: [...words], logProb: logProb + next })
      else visit([...words, token], logProb + next)
    })
  }
  visit([], 0)
  return found
}
