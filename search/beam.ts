import { expected } from '../errors.js'
import type { SequenceModel } from './model.js'
import { type Hypothesis, Ranking, type RankingOptions } from './ranking.js'
import { type Fork, Path, type WalkOptions, walk } from './walk.js'

export interface BeamOptions extends WalkOptions, RankingOptions {
  /** Hypotheses kept a word; 1 is greedy. */
  readonly beamSize: number
}

/**
 * Beam search over all images of a model at once. At each word the `beamSize` best of all allowed continuations of an
 * image stay; those that end leave the beam for the ranking, so that complete and partial hypotheses are never
 * compared. An image is done when no running hypothesis can enter its ranking any more, or none runs.
 *
 * @returns for each image 1 to `count` hypotheses, best first; fewer than `count` where the beam met no more. An
 * unfinished hypothesis, which ran into constraints that left it no continuation, even end, is only given where too
 * few finished.
 * @throws ShowtellError INVALID_ARGUMENT for an option out of range, NUMERIC when the model gives no number
 */
export async function beamSearch<State>(
  model: SequenceModel<State>,
  options: BeamOptions,
): Promise<Hypothesis[][]> {
  const { beamSize, constraints } = options
  if (!Number.isInteger(beamSize) || beamSize < 1)
    throw expected('an integer of 1 or more', 'beamSize', beamSize)
  const rankings = Array.from({ length: model.images }, () => new Ranking(options))
  const wanted = (length: number) => beamSize + constraints.mostBans(length)
  await walk(model, options, wanted, (image, forks) => {
    const ranking = rankings[image]!
    const kept: Path[] = []
    for (const fork of forks) if (!offer(kept, fork, beamSize)) ranking.giveUp(fork.path)
    const running: Path[] = []
    for (const path of kept)
      if (path.token === constraints.end) ranking.finish(path.before!, path.logProb)
      else running.push(path)
    const best = running[0]
    return best === undefined || ranking.closes(best.logProb, constraints.maxLength) ? [] : running
  })
  return rankings.map((ranking) => ranking.hypotheses())
}

/** Puts the allowed continuations of a hypothesis among the best `beamSize`; false if there is none. */
function offer(kept: Path[], { path, tokens, logProbs, forbids }: Fork, beamSize: number): boolean {
  let allowed = 0
  for (let i = 0; i < tokens.length && allowed < beamSize; i++) {
    const token = tokens[i]!
    const logProb = path.logProb + logProbs[i]!
    if (logProb === Number.NEGATIVE_INFINITY) break
    if (forbids(token)) continue
    allowed++
    if (kept.length === beamSize && logProb <= kept[beamSize - 1]!.logProb) break
    const rank = kept.findIndex((other) => other.logProb < logProb)
    kept.splice(rank < 0 ? kept.length : rank, 0, new Path(path, token, logProb))
    if (kept.length > beamSize) kept.pop()
  }
  return allowed > 0
}
