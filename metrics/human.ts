import { expected } from '../errors.js'
import { type CaptionSet, type ScoreOptions, scoreTokens } from './score.js'
import type { Scores } from './scores.js'

/** Corpus scores of people and of candidates against the same references, by name. */
export interface HumanScores {
  /** A reference against the others. */
  readonly human: Readonly<Record<string, number>>
  /** The candidate against the same others. */
  readonly candidate: Readonly<Record<string, number>>
  /** References an image that both were scored against: the fewest of any image. */
  readonly references: number
}

/**
 * The score of people on the same photos: each reference in turn against the others of its image, averaged, beside the
 * candidates' score against the same references, since more references give higher scores.
 * @param candidates tokens, one caption an image
 * @param references tokens, the captions of each image, at least two
 * @throws ShowtellError INVALID_ARGUMENT if an image has one reference only
 */
export function scoreHumans(
  candidates: readonly (readonly string[])[],
  references: readonly (readonly (readonly string[])[])[],
  options: ScoreOptions = {},
): HumanScores {
  const sets = humanSets(candidates, references)
  return humanScores(sets.map((set) => scoreTokens(set.candidates, set.references, options)))
}

/** What has to be scored for `scoreHumans`: of each turn people, then the candidates. Throws as that does. */
export function humanSets(
  candidates: readonly (readonly string[])[],
  references: readonly (readonly (readonly string[])[])[],
): CaptionSet[] {
  const lonely = references.findIndex((captions) => captions.length < 2)
  if (lonely >= 0)
    throw expected('at least two references', `references[${lonely}]`, references[lonely]?.length)
  if (references.length === 0) return []
  const turns = references.reduce(
    (fewest, captions) => Math.min(fewest, captions.length),
    Number.MAX_SAFE_INTEGER,
  )
  return Array.from({ length: turns }, (_, turn) => {
    const people = references.map((captions) => captions[turn]!)
    const others = references.map((captions) => captions.slice(0, turns).filter((_, index) => index !== turn))
    return [people, candidates].map((one) => ({ candidates: one, references: others }))
  }).flat()
}

/** `scoreHumans` by the scores of its sets. */
export function humanScores(scores: readonly Readonly<Record<string, Scores>>[]): HumanScores {
  const [human, candidate]: Record<string, number>[] = [{}, {}]
  const turns = scores.length / 2
  scores.forEach((set, index) => {
    const sums = index % 2 === 0 ? human! : candidate!
    for (const [name, { corpus }] of Object.entries(set)) sums[name] = (sums[name] ?? 0) + corpus / turns
  })
  return { human: human!, candidate: candidate!, references: Math.max(0, turns - 1) }
}
