import { expected } from '../../errors.js'
import type { Scores } from '../scores.js'
import { align, MODULE_WEIGHTS } from './align.js'
import { type MeteorResources, type Sentence, sentenceReader } from './sentence.js'

/** The `rank` task, English. */
const ALPHA = 0.85
const BETA = 0.2
const GAMMA = 0.6
const DELTA = 0.75

/** Counts of one side: words, matched words and, as the formula weighs them, both again. */
interface Side {
  words: number
  matched: number
  weight: number
  matchedWeight: number
}

/** What a corpus score is the sum of. */
interface Statistics {
  readonly candidate: Side
  readonly reference: Side
  chunks: number
}

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
    score(candidates, references) {
      if (references.length !== candidates.length)
        throw expected(`references of ${candidates.length} images`, 'references', references.length)
      const read = sentenceReader(resources)
      const best = candidates.map((candidate, image) => {
        const ofImage = references[image]!
        if (ofImage.length === 0) throw expected('at least one reference', `references[${image}]`, 0)
        const sentence = read(candidate)
        return ofImage
          .map((reference) => statistics(sentence, read(reference)))
          .reduce((a, b) => (scoreOf(b) > scoreOf(a) ? b : a))
      })
      const resample = (images: ArrayLike<number>): number => scoreOf(sumOf(best, images))
      return { corpus: resample(best.map((_, image) => image)), perImage: best.map(scoreOf), resample }
    },
  }
}

function statistics(candidate: Sentence, reference: Sentence): Statistics {
  const { matches, chunks } = align(candidate, reference)
  const sides = {
    candidate: side(
      candidate,
      matches.map(({ module, start, length }) => ({ module, start, length })),
    ),
    reference: side(
      reference,
      matches.map(({ module, referenceStart, referenceLength }) => ({
        module,
        start: referenceStart,
        length: referenceLength,
      })),
    ),
  }
  const isWhole =
    chunks === 1 && [sides.candidate, sides.reference].every(({ words, matched }) => words === matched)
  // A candidate that corresponds to its reference from end to end is not fragmented at all.
  return { ...sides, chunks: isWhole ? 0 : chunks }
}

function side(
  sentence: Sentence,
  matches: readonly { module: number; start: number; length: number }[],
): Side {
  const weightOf = (index: number) => (sentence.words[index]!.isFunction ? 1 - DELTA : DELTA)
  let weight = 0
  for (let index = 0; index < sentence.words.length; index++) weight += weightOf(index)
  let matched = 0
  let matchedWeight = 0
  for (const { module, start, length } of matches) {
    matched += length
    for (let index = start; index < start + length; index++)
      matchedWeight += MODULE_WEIGHTS[module]! * weightOf(index)
  }
  return { words: sentence.words.length, matched, weight, matchedWeight }
}

/** Harmonic mean of precision and recall less the fragmentation penalty (Denkowski & Lavie 2011). */
function scoreOf({ candidate, reference, chunks }: Statistics): number {
  if (candidate.matched === 0 || reference.matched === 0) return 0
  const precision = candidate.matchedWeight / candidate.weight
  const recall = reference.matchedWeight / reference.weight
  const mean = (precision * recall) / (ALPHA * precision + (1 - ALPHA) * recall)
  const fragmentation = chunks / ((candidate.matched + reference.matched) / 2)
  return (1 - GAMMA * fragmentation ** BETA) * mean
}

function sumOf(statistics: readonly Statistics[], images: ArrayLike<number>): Statistics {
  const empty = (): Side => ({ words: 0, matched: 0, weight: 0, matchedWeight: 0 })
  const sum: Statistics = { candidate: empty(), reference: empty(), chunks: 0 }
  for (let i = 0; i < images.length; i++) {
    const one = statistics[images[i]!]!
    add(sum.candidate, one.candidate)
    add(sum.reference, one.reference)
    sum.chunks += one.chunks
  }
  return sum
}

function add(sum: Side, side: Side): void {
  sum.words += side.words
  sum.matched += side.matched
  sum.weight += side.weight
  sum.matchedWeight += side.matchedWeight
}
