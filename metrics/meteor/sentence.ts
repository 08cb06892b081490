import { stem } from 'porter2'
import { normalize } from './normalize.js'
import type { Paraphrases } from './paraphrases.js'
import { phraseHash } from './phrases.js'
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

/** What the table gives for a phrase. */
export interface Paraphrase {
  /** Its words with a space after each. */
  readonly text: string
  readonly length: number
  /** Its place in the table's list. */
  readonly rank: number
}

/** Successive words of a sentence that have paraphrases, these by their first words. */
export interface Span {
  readonly start: number
  readonly length: number
  readonly paraphrases: ReadonlyMap<string, readonly Paraphrase[]>
}

export interface Sentence {
  readonly words: readonly Word[]
  /** Where each word stands, by its text. */
  readonly places: ReadonlyMap<string, readonly number[]>
  /** The words with a space after each, and where in that each word begins. */
  readonly text: string
  readonly offsets: readonly number[]
  /** By start, then length. */
  readonly spans: readonly Span[]
}

const NONE: Span['paraphrases'] = new Map()

/** Reads sentences, looking each word and phrase up once. */
export function sentenceReader({ functionWords, synonyms, paraphrases }: MeteorResources) {
  const encoder = paraphrases && new TextEncoder()
  const words = new Map<string, Word & { readonly bytes: Uint8Array | undefined }>()
  const phrases = new Map<string, Span['paraphrases']>()

  function wordOf(text: string) {
    let word = words.get(text)
    if (!word) {
      word = {
        text,
        stem: stem(text),
        groups: synonyms.groupsOf(text),
        isFunction: functionWords.has(text),
        bytes: encoder?.encode(text),
      }
      words.set(text, word)
    }
    return word
  }

  function paraphrasesOf(phrase: string): Span['paraphrases'] {
    let found = phrases.get(phrase)
    if (!found) {
      const known = paraphrases?.of(phrase) ?? []
      found = known.length === 0 ? NONE : byFirstWord(known)
      phrases.set(phrase, found)
    }
    return found
  }

  return (tokens: readonly string[]): Sentence => {
    const texts = normalize(tokens.join(' '))
    const read = texts.map(wordOf)
    const places = new Map<string, number[]>()
    const offsets: number[] = []
    const spans: Span[] = []
    let offset = 0
    for (const [start, { text }] of read.entries()) {
      append(places, text, start)
      offsets.push(offset)
      offset += text.length + 1
      if (paraphrases === undefined) continue
      let hash: number | undefined
      for (let length = 1; length <= paraphrases.longest && start + length <= read.length; length++) {
        hash = phraseHash(read[start + length - 1]!.bytes!, hash)
        if (!paraphrases.mayHave(hash)) continue
        const found = paraphrasesOf(texts.slice(start, start + length).join(' '))
        if (found.size > 0) spans.push({ start, length, paraphrases: found })
      }
    }
    return { words: read, places, text: texts.map((text) => `${text} `).join(''), offsets, spans }
  }
}

function byFirstWord(phrases: readonly string[]): Map<string, Paraphrase[]> {
  const lists = new Map<string, Paraphrase[]>()
  for (const [phrase, rank] of new Map(phrases.map((phrase, rank) => [phrase, rank]))) {
    const [first = '', ...others] = phrase.split(' ')
    append(lists, first, { text: `${phrase} `, length: 1 + others.length, rank })
  }
  return lists
}

/** Puts a value at the end of a key's list. */
export function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key)
  if (list) list.push(value)
  else lists.set(key, [value])
}
