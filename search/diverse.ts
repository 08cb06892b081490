import { type BeamOptions, beamSearch } from './beam.js'
import type { SequenceModel } from './model.js'
import { checkRanking, type Hypothesis } from './ranking.js'
import { bestOfRows } from './rows.js'

export interface DiverseOptions extends BeamOptions {
  /** What a word of content costs a hypothesis for each earlier one of its image that says it, nats. */
  readonly reuse: number
  /** Of each token the word of content that it says, as a number that tokens said alike share; 0 for no such word. */
  readonly content: Int32Array
}

/** How often the hypotheses that an image has say a word of content. */
type Used = Map<number, number>

/**
 * Hypotheses that differ in what they say: the first is that of the beam search, and each next one is searched for anew
 * where the words of content of all earlier ones cost (Gimpel et al. 2013, "A systematic exploration of diversity in
 * machine translation", section 3, with single words for n-grams). Scores are the model's own. So the first does
 * not depend on `count`, and the others are not sorted by their scores.
 *
 * @returns for each image 1 to `count` hypotheses, no two alike by `same`; where too few differ, the best of one wider
 * beam search come last
 * @throws ShowtellError as `beamSearch` does
 */
export async function diverseBeamSearch<State>(
  model: SequenceModel<State>,
  options: DiverseOptions,
): Promise<Hypothesis[][]> {
  // The searches below have counts of their own.
  checkRanking(options)
  const started = await model.start()
  try {
    return await searchAgain(startedAt(model, started), options)
  } finally {
    model.release(started)
  }
}

/** The model, begun by every search with the same state. */
function startedAt<State>(model: SequenceModel<State>, started: State): SequenceModel<State> {
  return {
    images: model.images,
    vocabularySize: model.vocabularySize,
    start: async () => started,
    step: (...given) => model.step(...given),
    select: (...given) => model.select(...given),
    release: (state) => {
      if (state !== started) model.release(state)
    },
  }
}

async function searchAgain<State>(
  model: SequenceModel<State>,
  options: DiverseOptions,
): Promise<Hypothesis[][]> {
  const { count, beamSize, content, same = String } = options
  const found = await beamSearch(model, { ...options, count: 1 })
  const used = found.map((): Used => new Map())
  const note = (image: number, { tokens }: Hypothesis): void => {
    for (const word of contents(tokens)) used[image]!.set(word, (used[image]!.get(word) ?? 0) + 1)
  }
  const contents = (tokens: Int32Array): number[] =>
    Array.from(tokens, (token) => content[token]!).filter((word) => word !== 0)
  const subject = (tokens: Int32Array): string => contents(tokens).sort().join()
  const others = (image: number, key: (tokens: Int32Array) => string) => {
    const keys = new Set(found[image]!.map(({ tokens }) => key(tokens)))
    return ({ tokens }: Hypothesis): boolean => !keys.has(key(tokens))
  }
  found.forEach(([first], image) => {
    note(image, first!)
  })
  for (let pass = 1; pass < count; pass++) {
    // One more than there are subjects so far: one of them at least is new.
    const next = await beamSearch(costly(model, used, options), {
      ...options,
      count: pass + 1,
      same: subject,
    })
    for (const [image, hypotheses] of next.entries()) {
      const own = hypotheses.map((one) => withoutCost(one, used[image]!, options))
      const [hasOtherSubject, isOther] = [others(image, subject), others(image, same)]
      const other = own.find((one) => hasOtherSubject(one) && isOther(one))
      if (other !== undefined) found[image]!.push(other)
      note(image, other ?? own[0]!)
    }
  }
  if (found.every(({ length }) => length >= count)) return found
  const wide = await beamSearch(model, { ...options, beamSize: Math.max(beamSize, count) })
  for (const [image, hypotheses] of wide.entries()) {
    const isOther = others(image, same)
    found[image]!.push(...hypotheses.filter(isOther).slice(0, count - found[image]!.length))
  }
  return found
}

/** The model, with the words that each image has used less probable by what they cost. */
function costly<State>(
  model: SequenceModel<State>,
  used: readonly Used[],
  options: DiverseOptions,
): SequenceModel<State> {
  const costing = used.map((words) => options.content.filter((word) => words.has(word)).length)
  const most = Math.max(...costing)
  return {
    ...model,
    async step(tokens, state, k, bias) {
      // So many that k are left of those that cost nothing.
      const width = Math.min(model.vocabularySize, k + most)
      const { continuations: given, state: after } = await model.step(tokens, state, width, bias)
      const ofImage = given.tokens.length / model.images
      const costed = given.logProbs.map(
        (logProb, i) => logProb - costOf(given.tokens[i]!, used[Math.floor(i / ofImage)]!, options),
      )
      const { logProbs, tokens: places } = bestOfRows(costed, width, k)
      const best = places.map((place, i) => given.tokens[Math.floor(i / k) * width + place]!)
      return { continuations: { ...given, tokens: best, logProbs }, state: after }
    },
  }
}

/** What it costs to say a token, nats. */
function costOf(token: number, used: Used, { reuse, content }: DiverseOptions): number {
  return reuse * (used.get(content[token]!) ?? 0)
}

/** The hypothesis with the model's own probabilities. */
function withoutCost(one: Hypothesis, used: Used, options: DiverseOptions): Hypothesis {
  const costs = Array.from(one.tokens, (token) => costOf(token, used, options))
  const logProb = costs.reduce((sum, cost) => sum + cost, one.logProb)
  return {
    ...one,
    logProb,
    wordLogProbs: one.wordLogProbs.map((value, i) => value + costs[i]!),
    score: logProb / Math.max(1, one.tokens.length) ** options.lengthPenalty,
  }
}
