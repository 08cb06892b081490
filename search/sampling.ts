import { expected } from '../errors.js'
import type { Random } from '../random.js'
import type { SequenceModel } from './model.js'
import { type Hypothesis, Ranking, type RankingOptions } from './ranking.js'
import { type Fork, Path, type WalkOptions, walk } from './walk.js'

export interface SamplingOptions extends WalkOptions, RankingOptions {
  /** Log-probabilities are divided by it: below 1 sharper, above 1 flatter. */
  readonly temperature: number
  /** Only the likeliest tokens that together have this probability are drawn (Holtzman et al. 2020, section 3.1). */
  readonly topP: number
  /** One generator an image, so that its samples do not depend on its neighbours. */
  readonly random: readonly Random[]
}

/**
 * Draws `count` captions an image, word by word, from the distribution that temperature and then top-p make of the
 * allowed tokens. `logProb` and `score` are the model's own, without temperature.
 *
 * @returns for each image `count` hypotheses, sorted like those of the beam search; fewer if `same` finds doubles
 * @throws ShowtellError INVALID_ARGUMENT for an option out of range, NUMERIC when the model gives no number
 */
export async function sample<State>(
  model: SequenceModel<State>,
  options: SamplingOptions,
): Promise<Hypothesis[][]> {
  const { constraints, count, temperature, topP, random } = options
  if (!(temperature > 0 && temperature < Number.POSITIVE_INFINITY))
    throw expected('a number above 0', 'temperature', temperature)
  if (!(topP > 0 && topP <= 1)) throw expected('a number above 0 and up to 1', 'topP', topP)
  if (random.length !== model.images)
    throw expected(`a generator for each of ${model.images} images`, 'random', random.length)
  const rankings = Array.from({ length: model.images }, () => new Ranking(options))
  const weights = new Float64Array(model.vocabularySize)
  const wanted = () => model.vocabularySize
  const choose = (image: number, forks: readonly Fork[]): Path[] =>
    forks.flatMap((fork) => {
      const total = nucleus(fork, temperature, topP, weights)
      const i = total === 0 ? -1 : draw(weights, total * random[image]!.uniform())
      return follow(fork, i, constraints.end, rankings[image]!)
    })
  await walk(model, options, wanted, choose, count)
  return rankings.map((ranking) => ranking.hypotheses())
}

/**
 * Draws `count` captions an image from a model whose log-probabilities carry standard Gumbel noise, fresh at every step:
 * the best allowed token is then a draw from the distribution over the allowed ones (the Gumbel-max trick; Maddison, Tarlow
 * and Minka 2014, section 2). Few continuations are asked for where `sample` needs whole rows: for training, which
 * draws captions by the hundred thousand. `logProb` and `score` carry the noise and mean nothing.
 */
export async function sampleByNoise<State>(
  model: SequenceModel<State>,
  options: WalkOptions & { readonly count: number },
): Promise<Hypothesis[][]> {
  const { constraints, count } = options
  const rankings = Array.from({ length: model.images }, () => new Ranking({ count, lengthPenalty: 0 }))
  const wanted = (length: number) => 1 + constraints.mostBans(length)
  const choose = (image: number, forks: readonly Fork[]): Path[] =>
    forks.flatMap((fork) => {
      const i = fork.tokens.findIndex(
        (token, at) => fork.logProbs[at]! > Number.NEGATIVE_INFINITY && !fork.forbids(token),
      )
      return follow(fork, i, constraints.end, rankings[image]!)
    })
  await walk(model, options, wanted, choose, count)
  return rankings.map((ranking) => ranking.hypotheses())
}

/** The hypothesis that continuation `i` makes of a fork, if it goes on; an ended one goes into the ranking. */
function follow({ path, tokens, logProbs }: Fork, i: number, end: number, ranking: Ranking): Path[] {
  const token = tokens[i]
  if (token === undefined) ranking.giveUp(path)
  else if (token === end) ranking.finish(path, path.logProb + logProbs[i]!)
  else return [new Path(path, token, path.logProb + logProbs[i]!)]
  return []
}

/** Fills `weights` with the chances of a fork's tokens, not normalised, and returns their sum; 0 if none may come. */
function nucleus(
  { tokens, logProbs, forbids }: Fork,
  temperature: number,
  topP: number,
  weights: Float64Array,
): number {
  let best = Number.NEGATIVE_INFINITY
  let total = 0
  for (let i = 0; i < tokens.length; i++) {
    weights[i] = 0
    const logProb = logProbs[i]!
    if (logProb === Number.NEGATIVE_INFINITY || forbids(tokens[i]!)) continue
    if (total === 0) best = logProb
    weights[i] = Math.exp((logProb - best) / temperature)
    total += weights[i]!
  }
  let kept = 0
  for (let i = 0; i < tokens.length; i++) {
    if (kept >= topP * total) weights[i] = 0
    kept += weights[i]!
  }
  return kept
}

/** Where the running sum of the weights passes `target`, which lies below their sum. */
function draw(weights: Float64Array, target: number): number {
  let sum = 0
  let last = -1
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue
    sum += weights[i]!
    last = i
    if (sum > target) break
  }
  return last
}
