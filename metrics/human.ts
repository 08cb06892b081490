import { expected } from '../errors.js'
import { type ScoreOptions, scoreTokens } from './score.js'

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
  const lonely = references.findIndex((captions) => captions.length < 2)
  if (lonely >= 0)
    throw expected('at least two references', `references[${lonely}]`, references[lonely]?.length)
  const turns = references.reduce(
    (fewest, captions) => Math.min(fewest, captions.length),
    Number.MAX_SAFE_INTEGER,
  )
  const human: Record<string, number> = {}
  const candidate: Record<string, number> = {}
  for (let turn = 0; turn < turns && references.length > 0; turn++) {
    const people = references.map((captions) => captions[turn] ?? [])
    const others = references.map((captions) => captions.slice(0, turns).filter((_, index) => index !== turn))
    for (const [name, { corpus }] of Object.entries(scoreTokens(people, others, options)))
      human[name] = (human[name] ?? 0) + corpus / turns
    for (const [name, { corpus }] of Object.entries(scoreTokens(candidates, others, options)))
      candidate[name] = (candidate[name] ?? 0) + corpus / turns
  }
  return { human, candidate, references: references.length === 0 ? 0 : turns - 1 }
}
