import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { toSentence } from '../data/detokenizer.js'
import { breaksOff, isAttribute, isContentWord, isDangling } from '../data/function-words.js'
import { withoutGender } from '../data/gender.js'
import { tokenize } from '../data/tokenizer.js'
import type { Vocabulary } from '../data/vocabulary.js'
import { Random } from '../random.js'
import { type ConstraintOptions, Constraints } from '../search/constraints.js'
import { diverseBeamSearch } from '../search/diverse.js'
import type { Hypothesis } from '../search/ranking.js'
import { sample } from '../search/sampling.js'
import type { Bundle } from './bundle.js'
import { confidenceOf } from './confidence.js'
import type { CaptionOptions } from './options.js'
import type { Runtime } from './runtime.js'
import type { Caption } from './types.js'

/** Photos of one batch with their captions, and the milliseconds that encoder and search took for all of them. */
export interface CaptionedBatch {
  readonly captions: readonly (readonly Caption[])[]
  readonly encode: number
  readonly search: number
}

/** What options mean in the token ids of a vocabulary. */
interface Rules {
  readonly constraints: Constraints
  readonly content: Int32Array
}

/** Said first of what is not sure. */
const HEDGE = 'possibly'

/**
 * Where the model looked is told in parts of so many: one answer of the service may hold 400,000 shares, which as they
 * come are three times as long, and no picture shows the difference.
 */
const PARTS = 1e4

/** What a content word that an earlier caption of the photo has costs the next, nats; measured in docs/quality.md. */
const REUSE = 0.5

/** Captions decoded photos: encoder, search, words. The one path from pixels to captions, on every engine. */
export class Captioning {
  /** Options come from strangers: it must not grow with them. */
  private readonly rules = new LRUCache<string, Rules>({ max: 16 })

  constructor(
    private readonly bundle: Pick<Bundle, 'config' | 'vocabulary'>,
    readonly runtime: Runtime,
  ) {}

  /**
   * @param pixels uint8 [images, size, size, 3]
   * @param signal ends it before the next few photos are encoded, or the next word.
   * @throws ShowtellError INVALID_ARGUMENT for a style the model has not; the signal's reason.
   */
  async caption(
    pixels: Uint8Array,
    images: number,
    options: CaptionOptions,
    signal?: AbortSignal,
  ): Promise<CaptionedBatch> {
    signal?.throwIfAborted()
    const { vocabulary, config } = this.bundle
    const start = vocabulary.startOf(options.style ?? config.defaultStyle)
    const { constraints, content } = this.rulesFor(options)
    const began = performance.now()
    const model = await this.runtime.encode(pixels, images, options.attention, signal)
    const encoded = performance.now()
    try {
      const shared = {
        constraints,
        start,
        count: options.count,
        lengthPenalty: options.lengthPenalty,
        alignment: options.attention,
        signal,
        same: (tokens: Int32Array) => toSentence(this.say(tokens, options)),
      }
      const hypotheses =
        options.temperature > 0
          ? await sample(model, {
              ...shared,
              temperature: options.temperature,
              topP: options.topP,
              random: generators(pixels, images, options.seed),
            })
          : await diverseBeamSearch(model, {
              ...shared,
              beamSize: options.beamSize,
              reuse: REUSE,
              content,
            })
      return {
        captions: hypotheses.map((found) => found.map((hypothesis) => this.asCaption(hypothesis, options))),
        encode: encoded - began,
        search: performance.now() - encoded,
      }
    } finally {
      model.dispose()
    }
  }

  private asCaption(
    { tokens: ids, logProb, wordLogProbs, score, alignment }: Hypothesis,
    options: CaptionOptions,
  ): Caption {
    const tokens = this.say(ids, options)
    const confidence = confidenceOf(this.bundle.config.confidence, { tokens, wordLogProbs, logProb })
    return {
      text: toSentence(tokens.length > 0 && confidence < options.minConfidence ? [HEDGE, ...tokens] : tokens),
      tokens,
      logProb,
      wordLogProbs,
      score,
      confidence,
      ...(alignment === undefined ? {} : { attention: alignment.map((row) => Array.from(row, rounded)) }),
    }
  }

  private say(ids: Int32Array, options: CaptionOptions): string[] {
    return this.bundle.vocabulary.decode(ids).map((word) => spoken(word, options) ?? word)
  }

  private rulesFor(options: CaptionOptions): Rules {
    const { minLength, maxLength, bannedWords } = options
    const { noRepeatNgram, noRepeatContentWord, noDanglingEnd, genderNeutral } = options
    const key = JSON.stringify([
      [minLength, maxLength, noRepeatNgram, noRepeatContentWord, noDanglingEnd, genderNeutral],
      bannedWords,
    ])
    const known = this.rules.get(key)
    if (known !== undefined) return known
    const { vocabulary } = this.bundle
    const content = contentOf(vocabulary, options)
    const made = { constraints: constraintsOf(vocabulary, options, content), content }
    this.rules.set(key, made)
    return made
  }
}

/** One for each photo, of the seed and its pixels: other photos have other draws, and it has the same beside any. */
function generators(pixels: Uint8Array, images: number, seed: number): Random[] {
  const size = pixels.length / images
  return Array.from({ length: images }, (_, i) => {
    const photo = createHash('sha256').update(pixels.subarray(i * size, (i + 1) * size))
    return new Random(seed, 'sampling', photo.digest('hex'))
  })
}

function rounded(share: number): number {
  return Math.round(share * PARTS) / PARTS
}

/** The word that stands for one of the vocabulary; none where it may not be said. */
function spoken(word: string, options: CaptionOptions): string | undefined {
  return options.genderNeutral ? withoutGender(word) : word
}

/** Of each token the first one that says the same word of content; 0 where it says none. */
function contentOf(vocabulary: Vocabulary, options: CaptionOptions): Int32Array {
  const first = new Map<string, number>()
  return Int32Array.from({ length: vocabulary.size }, (_, token) => {
    const said = token >= vocabulary.firstWord ? spoken(vocabulary.word(token), options) : undefined
    if (said === undefined || !isContentWord(said)) return 0
    if (!first.has(said)) first.set(said, token)
    return first.get(said)!
  })
}

/** What no caption may say, in the token ids of a vocabulary. Words that the vocabulary has not are banned already. */
export function constraintsOf(
  vocabulary: Vocabulary,
  options: CaptionOptions,
  content = contentOf(vocabulary, options),
): Constraints {
  const tokens = Array.from({ length: vocabulary.size }, (_, token) => token)
  const isWord = (token: number): boolean => token >= vocabulary.firstWord
  const banned = new Set(options.bannedWords.map((word) => tokenize(word)[0] ?? word))
  const isBanned = (token: number): boolean => {
    if (!isWord(token)) return token !== vocabulary.end
    const word = vocabulary.word(token)
    const said = spoken(word, options)
    return said === undefined || banned.has(word) || banned.has(said)
  }
  return new Constraints({
    vocabularySize: vocabulary.size,
    end: vocabulary.end,
    minLength: options.minLength,
    maxLength: options.maxLength,
    noRepeatNgram: options.noRepeatNgram,
    banned: tokens.filter(isBanned),
    ...(options.noDanglingEnd ? endings(vocabulary) : {}),
    // Words that are said alike count as one: no "a person and a person".
    ...(options.noRepeatContentWord ? { exclusive: content } : {}),
  })
}

/** Which words may end a caption, by themselves or after others. */
function endings(vocabulary: Vocabulary): Pick<ConstraintOptions, 'notLast' | 'unfinished'> {
  return {
    notLast: vocabulary.wordsThat((word) => isDangling(word) || isAttribute(word)),
    unfinished: (said) => breaksOff(vocabulary.decode(said.toReversed())),
  }
}
