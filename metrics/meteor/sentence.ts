import { stem } from 'porter2'
import { normalizeTokens } from './normalize.js'
import type { Paraphrases } from './paraphrases.js'
import { phraseHash, wordHasher } from './phrases.js'
import type { Synonyms } from './synonyms.js'

/** What METEOR knows besides its parameters. */
export interface MeteorResources {
  /** Words so frequent that they count less; see data/README.md. */
  readonly functionWords: ReadonlySet<string>
  readonly synonyms: Synonyms
  /** Without it the paraphrase module is off. */
  readonly paraphrases?: Paraphrases
}

/** A word; of sentences read together equal words are the same object. */
export interface Word {
  readonly id: number
  readonly text: string
  readonly isFunction: boolean
  /** Other words of the sentences with the same stem. */
  readonly sameStem: readonly Word[]
  /** Other words of the sentences with a group of synonyms in common. */
  readonly synonyms: readonly Word[]
}

/** Successive words that the table may know; of sentences read together equal phrases are the same object. */
export interface Phrase {
  readonly id: number
  readonly length: number
  /** Of what the table gives for it the phrases that the sentences have, in the table's order. */
  readonly paraphrases: readonly Phrase[]
}

/** Where a phrase stands in a sentence. */
export interface Span {
  readonly start: number
  readonly phrase: Phrase
}

export interface Sentence {
  readonly words: readonly Word[]
  /** By start, then length. */
  readonly spans: readonly Span[]
}

/** Sentences that can be compared with each other; ids are below the numbers of different words and phrases. */
export interface SentenceSet {
  readonly sentences: readonly Sentence[]
  readonly words: number
  readonly phrases: number
}

/** Reads sentences that will be compared with each other, given as tokens: each word and phrase is looked up once. */
export function readSentences(
  { functionWords, synonyms, paraphrases }: MeteorResources,
  sentences: readonly (readonly string[])[],
): SentenceSet {
  const words = new Map<string, Word & { readonly hash: number; sameStem: Word[]; synonyms: Word[] }>()
  const phrases = new Map<string, Phrase & { paraphrases: Phrase[] }>()
  // Without a table of paraphrases nothing is asked for that a browser or an engine may lack.
  const hashOf = paraphrases === undefined ? () => 0 : wordHasher()

  const wordOf = (text: string) => {
    let word = words.get(text)
    if (word === undefined) {
      const isFunction = functionWords.has(text)
      word = { id: words.size, text, hash: hashOf(text), isFunction, sameStem: [], synonyms: [] }
      words.set(text, word)
    }
    return word
  }
  const phraseOf = (text: string, length: number): Phrase => {
    let phrase = phrases.get(text)
    if (phrase === undefined) {
      phrase = { id: phrases.size, length, paraphrases: [] }
      phrases.set(text, phrase)
    }
    return phrase
  }
  const read = sentences.map((tokens) => {
    const own = normalizeTokens(tokens).map(wordOf)
    const spans: Span[] = []
    if (paraphrases === undefined) return { words: own, spans }
    const { longest } = paraphrases
    for (let start = 0; start < own.length; start++) {
      let hash = 0
      for (let length = 1; length <= longest && start + length <= own.length; length++) {
        hash = phraseHash(own[start + length - 1]!.hash, hash)
        if (paraphrases.mayHave(hash))
          spans.push({ start, phrase: phraseOf(textOf(own, start, length), length) })
      }
    }
    return { words: own, spans }
  })

  relate(
    [...words.values()],
    (word) => [stem(word.text)],
    (word, others) => {
      word.sameStem = others
    },
  )
  relate(
    [...words.values()],
    (word) => synonyms.groupsOf(word.text),
    (word, others) => {
      word.synonyms = others
    },
  )
  for (const [text, phrase] of phrases) {
    // What the table names twice counts where it stands last.
    const given = new Set(paraphrases?.of(text).toReversed())
    phrase.paraphrases = [...given].reverse().flatMap((other) => phrases.get(other) ?? [])
  }
  return { sentences: read, words: words.size, phrases: phrases.size }
}

function textOf(words: readonly Word[], start: number, length: number): string {
  let text = words[start]!.text
  for (let at = start + 1; at < start + length; at++) text += ` ${words[at]!.text}`
  return text
}

/** Tells each word of the others that have a key in common with it. */
function relate<W, K>(
  words: readonly W[],
  keysOf: (word: W) => readonly K[],
  tell: (word: W, others: W[]) => void,
): void {
  const ofKey = new Map<K, W[]>()
  const keys = words.map(keysOf)
  words.forEach((word, index) => {
    for (const key of keys[index]!) append(ofKey, key, word)
  })
  words.forEach((word, index) => {
    const others = new Set(keys[index]!.flatMap((key) => ofKey.get(key)!))
    others.delete(word)
    tell(word, [...others])
  })
}

/** Puts a value at the end of a key's list. */
function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key)
  if (list) list.push(value)
  else lists.set(key, [value])
}
