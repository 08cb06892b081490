import { checkReferences, type Scores, summing } from '../scores.js'
import { type Alignment, align, MODULE_WEIGHTS } from './align.js'
import { MatchFinder } from './matches.js'
import { type MeteorResources, readSentences, type Sentence, type Word } from './sentence.js'

/** The `rank` task, English. */
const ALPHA = 0.85
const BETA = 0.2
const GAMMA = 0.6
const DELTA = 0.75

export interface Meteor {
  /**
   * METEOR 1.5 of one candidate an image against that image's references, all as tokens.
   *
   * @returns values from 0 to 1: `perImage` each from its best reference, `corpus` from their summed statistics
   * @throws ShowtellError INVALID_ARGUMENT when the lengths differ or an image has no reference
   */
  score(
    candidates: readonly (readonly string[])[],
    references: readonly (readonly (readonly string[])[])[],
  ): Scores
}

/**
 * METEOR 1.5 (Banerjee & Lavie 2005; Denkowski & Lavie 2011, 2014) for English, as `meteor-1.5.jar -l en -norm` gives it.
 * Runs in a browser: the resources come from outside.
 */
export function createMeteor(resources: MeteorResources): Meteor {
  return {
    score: (candidates, references) => meteorScores(meteorStatistics(resources, candidates, references)),
  }
}

/** What the scores are made of: of each image a row of counts, those of its best reference. Throws as `score`. */
export function meteorStatistics(
  resources: MeteorResources,
  candidates: readonly (readonly string[])[],
  references: readonly (readonly (readonly string[])[])[],
): (readonly number[])[] {
  checkReferences(candidates, references)
  const set = readSentences(resources, [...candidates, ...references.flat()])
  const finder = new MatchFinder(set)
  let next = candidates.length
  return candidates.map((_, image) => {
    const { length } = references[image]!
    finder.candidate = set.sentences[image]!
    const ofReferences = set.sentences
      .slice(next, next + length)
      .map((reference) => statistics(finder, reference))
    next += length
    return bestOf(ofReferences)
  })
}

/** The scores of images by what `meteorStatistics` says of each. */
export function meteorScores(rows: readonly (readonly number[])[]): Scores {
  const sumOf = summing(rows)
  const resample = (images: ArrayLike<number>): number => scoreOf(sumOf(images))
  return { corpus: resample(rows.map((_, image) => image)), perImage: rows.map(scoreOf), resample }
}

/** The first with the highest score. */
function bestOf(all: readonly (readonly number[])[]): readonly number[] {
  const scores = all.map(scoreOf)
  return all[scores.indexOf(Math.max(...scores))]!
}

/** What a corpus score is the sum of: chunks, and of candidate and reference what `side` gives. */
function statistics(finder: MatchFinder, reference: Sentence): number[] {
  const { matches, chunks } = align(finder, reference)
  const { candidate } = finder
  const ofCandidate = side(candidate, matches, 'start', 'length')
  const ofReference = side(reference, matches, 'referenceStart', 'referenceLength')
  // A candidate that corresponds to its reference from end to end is not fragmented at all.
  const isWhole =
    chunks === 1 && ofCandidate[0] === candidate.words.length && ofReference[0] === reference.words.length
  return [isWhole ? 0 : chunks, ...ofCandidate, ...ofReference]
}

/** Matched words of a sentence, and, as the formula weighs them, all words and the matched ones. */
function side(
  { words }: Sentence,
  matches: Alignment['matches'],
  start: 'start' | 'referenceStart',
  length: 'length' | 'referenceLength',
): [matched: number, weight: number, matchedWeight: number] {
  const weightOf = ({ isFunction }: Word) => (isFunction ? 1 - DELTA : DELTA)
  let weight = 0
  for (const word of words) weight += weightOf(word)
  let matched = 0
  let matchedWeight = 0
  for (const match of matches) {
    matched += match[length]
    for (let index = match[start]; index < match[start] + match[length]; index++)
      matchedWeight += MODULE_WEIGHTS[match.module]! * weightOf(words[index]!)
  }
  return [matched, weight, matchedWeight]
}

/** Harmonic mean of precision and recall less the fragmentation penalty (Denkowski & Lavie 2011), of summed statistics. */
function scoreOf(statistics: readonly number[]): number {
  const [chunks = 0, matched = 0, weight = 0, matchedWeight = 0, ...reference] = statistics
  const [referenceMatched = 0, referenceWeight = 0, referenceMatchedWeight = 0] = reference
  if (matched === 0 || referenceMatched === 0) return 0
  const precision = matchedWeight / weight
  const recall = referenceMatchedWeight / referenceWeight
  const mean = (precision * recall) / (ALPHA * precision + (1 - ALPHA) * recall)
  const fragmentation = chunks / ((matched + referenceMatched) / 2)
  return (1 - GAMMA * fragmentation ** BETA) * mean
}
