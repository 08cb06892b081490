import { stem } from 'porter2'
import { normalize } from './normalize.js'
import type { Paraphrases } from './paraphrases.js'
import type { Synonyms } from './synonyms.js'

/** What METEOR knows besides its parameters. */
export interface MeteorResources {
  /** Words so frequent that they count less; see data/README.md. */
  readonly functionWords: ReadonlySet<string>
  readonly synonyms: Synonyms
  /** Without it the paraphrase module is off. */
  readonly paraphrases?: Paraphrases
}

/** A word with everything the modules ask about it. Within one `sentenceReader` equal words are the same object. */
export interface Word {
  readonly text: string
  readonly stem: string
  readonly groups: readonly number[]
  readonly isFunction: boolean
}

export interface Phrase {
  readonly text: string
  /** The paraphrases that the table gives for it, with their places in its list. */
  readonly ranks: ReadonlyMap<string, number>
}

/** Successive words of a sentence, as a phrase. */
export interface Span {
  readonly start: number
  readonly length: number
  readonly phrase: Phrase
}

export interface Sentence {
  readonly words: readonly Word[]
  /** All of up to as many words as the longest paraphrase has, by start, then length; none without paraphrases. */
  readonly spans: readonly Span[]
}

const NONE: ReadonlyMap<string, number> = new Map()

/** Reads sentences, looking each word and phrase up once. */
export function sentenceReader({ functionWords, synonyms, paraphrases }: MeteorResources) {
  const words = new Map<string, Word>()
  const phrases = new Map<string, Phrase>()

  function wordOf(text: string): Word {
    let word = words.get(text)
    if (!word) {
      word = { text, stem: stem(text), groups: synonyms.groupsOf(text), isFunction: functionWords.has(text) }
      words.set(text, word)
    }
    return word
  }

  function phraseOf(text: string): Phrase {
    let phrase = phrases.get(text)
    if (!phrase) {
      const known = paraphrases?.of(text) ?? []
      phrase = { text, ranks: known.length === 0 ? NONE : new Map(known.map((one, rank) => [one, rank])) }
      phrases.set(text, phrase)
    }
    return phrase
  }

  return (tokens: readonly string[]): Sentence => {
    const texts = normalize(tokens.join(' '))
    const longest = paraphrases?.longest ?? 0
    const spans = texts.flatMap((_, start) => {
      let text = ''
      return texts.slice(start, start + longest).map((word, index) => {
        text = index === 0 ? word : `${text} ${word}`
        return { start, length: index + 1, phrase: phraseOf(text) }
      })
    })
    return { words: texts.map(wordOf), spans }
  }
}
