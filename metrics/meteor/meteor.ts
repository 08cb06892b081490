import { expected } from '../../errors.js'
import { type Scores, summing } from '../scores.js'
import { align, MODULE_WEIGHTS, type WordFinder, wordFinder } from './align.js'
import { type MeteorResources, type Sentence, sentenceReader } from './sentence.js'

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
    score(candidates, references) {
      if (references.length !== candidates.length)
        throw expected(`references of ${candidates.length} images`, 'references', references.length)
      const read = sentenceReader(resources)
      const best = candidates.map((candidate, image) => {
        const ofImage = references[image]!
        if (ofImage.length === 0) throw expected('at least one reference', `references[${image}]`, 0)
        const sentence = read(candidate)
        const find = wordFinder(sentence)
        return ofImage
          .map((reference) => statistics(sentence, read(reference), find))
          .reduce((a, b) => (scoreOf(b) > scoreOf(a) ? b : a))
      })
      const sumOf = summing(best)
      const resample = (images: ArrayLike<number>): number => scoreOf(sumOf(images))
      return { corpus: resample(best.map((_, image) => image)), perImage: best.map(scoreOf), resample }
    },
  }
}

/** What a corpus score is the sum of: chunks, and of candidate and reference what `side` gives. */
function statistics(candidate: Sentence, reference: Sentence, find: WordFinder): number[] {
  const { matches, chunks } = align(candidate, reference, find)
  const sides = [
    side(candidate, matches),
    side(
      reference,
      matches.map(({ module, referenceStart: start, referenceLength: length }) => ({
        module,
        start,
        length,
      })),
    ),
  ]
  // A candidate that corresponds to its reference from end to end is not fragmented at all.
  const isWhole =
    chunks === 1 && sides.every(([matched], index) => matched === [candidate, reference][index]!.words.length)
  return [isWhole ? 0 : chunks, ...sides.flat()]
}

/** Matched words of a sentence, and, as the formula weighs them, all words and the matched ones. */
function side(
  sentence: Sentence,
  matches: readonly { readonly module: number; readonly start: number; readonly length: number }[],
): [matched: number, weight: number, matchedWeight: number] {
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
