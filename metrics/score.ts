import { tokenize } from '../data/tokenizer.js'
import { bleuOfNgrams } from './bleu.js'
import { ciderOfNgrams, type DocumentFrequencies } from './cider.js'
import type { Meteor } from './meteor/meteor.js'
import { type CountedSet, countNgrams } from './ngrams.js'
import { scoreRouge } from './rouge.js'
import { checkReferences, type Scores } from './scores.js'

type Captions = readonly (readonly string[])[]
type References = readonly Captions[]

export interface ScoreOptions {
  /** What CIDEr weighs n-grams by; by default the references themselves, which needs many images. */
  readonly documentFrequencies?: DocumentFrequencies | undefined
  /** METEOR needs its tables and is scored when it is given. */
  readonly meteor?: Meteor | undefined
}

/** Tokens: one caption an image, and those of its references. */
export interface CaptionSet {
  readonly candidates: Captions
  readonly references: References
}

interface Material extends CaptionSet {
  /** Those of both. */
  readonly ngrams: CountedSet
}

interface Metric {
  /** What the COCO evaluation calls its scores. */
  readonly names: readonly string[]
  /** One entry a name, or none where the options do not provide what the metric needs. */
  score(material: Material, options: ScoreOptions): readonly Scores[]
}

export const METRICS = Object.freeze({
  bleu: {
    names: ['Bleu_1', 'Bleu_2', 'Bleu_3', 'Bleu_4'],
    score: ({ ngrams }) => bleuOfNgrams(ngrams),
  },
  meteor: {
    names: ['METEOR'],
    score: ({ candidates, references }, { meteor }) =>
      meteor === undefined ? [] : [meteor.score(candidates, references)],
  },
  rouge: {
    names: ['ROUGE_L'],
    score: ({ candidates, references }) => [scoreRouge(candidates, references)],
  },
  cider: {
    names: ['CIDEr'],
    score: ({ ngrams }, { documentFrequencies }) => [ciderOfNgrams(ngrams, documentFrequencies)],
  },
}) satisfies Readonly<Record<string, Metric>>

/**
 * Scores captions as the COCO evaluation does, tokenizing them first.
 * @param candidates one caption an image
 * @param references what people wrote about each image, at least one each
 * @returns scores by the COCO evaluation's names: `Bleu_1` to `Bleu_4`, `METEOR` if given, `ROUGE_L`, `CIDEr` (CIDEr-D)
 * @throws ShowtellError INVALID_ARGUMENT when the lengths differ or an image has no reference
 */
export function scoreCaptions(
  candidates: readonly string[],
  references: readonly (readonly string[])[],
  options: ScoreOptions = {},
): Record<string, Scores> {
  return scoreTokens(
    candidates.map(tokenize),
    references.map((captions) => captions.map(tokenize)),
    options,
  )
}

/** `scoreCaptions` of captions that are tokens already, with what it throws. */
export function scoreTokens(
  candidates: Captions,
  references: References,
  options: ScoreOptions = {},
): Record<string, Scores> {
  checkReferences(candidates, references)
  const ngrams = countNgrams(candidates, references)
  const scores: Record<string, Scores> = {}
  for (const { names, score } of Object.values<Metric>(METRICS)) {
    const found = score({ candidates, references, ngrams }, options)
    names.forEach((name, index) => {
      const one = found[index]
      if (one !== undefined) scores[name] = one
    })
  }
  return scores
}
