/** A word, or its number in a vocabulary. */
export type Token = string | number

/** The longest n-grams of BLEU and CIDEr. */
export const MAX_ORDER = 4

/** More than there are words: the number of an n-gram and that of a word fit into one exact number. */
const MOST_WORDS = 2 ** 26

/** The different n-grams of a caption, by their numbers in an index. */
export interface Ngrams {
  /** Order after order, each as the caption goes. */
  readonly ids: readonly number[]
  /** How often each occurs. */
  readonly counts: readonly number[]
  /** Where the ids of each order begin, and where the last end. */
  readonly starts: readonly number[]
  /** Words of the caption. */
  readonly length: number
}

/** Numbers the n-grams of 1 to 4 words, from 0 on: numbers take a third of the time that texts take as keys. */
export class NgramIndex {
  readonly #words = new Map<string, number>()
  readonly #texts: string[] = []
  /** Of each n-gram its last word and what is before it, in one number. */
  readonly #parts: number[] = []
  readonly #ids = new Map<number, number>()
  /** Where each n-gram stands in the caption that had it last. */
  readonly #places: number[] = []

  /** How many n-grams have numbers. */
  get size(): number {
    return this.#parts.length
  }

  /** Numbers what is new in a caption. */
  read(tokens: readonly Token[]): Ngrams {
    const words = tokens.map((token) => this.#wordOf(String(token)))
    const ids: number[] = []
    const counts: number[] = []
    const starts = [0]
    // By first word: a word more makes an n-gram one of the next order.
    const open = words.map(() => -1)
    for (let order = 0; order < MAX_ORDER; order++) {
      for (let first = 0; first + order < words.length; first++) {
        const id = this.#idOf(open[first]!, words[first + order]!)
        open[first] = id
        const place = this.#places[id]!
        if (ids[place] === id) counts[place]!++
        else {
          this.#places[id] = ids.length
          ids.push(id)
          counts.push(1)
        }
      }
      starts.push(ids.length)
    }
    return { ids, counts, starts, length: words.length }
  }

  /** The words of an n-gram joined by spaces, which no token holds. */
  textOf(id: number): string {
    const parts = this.#parts[id]!
    const before = Math.floor(parts / MOST_WORDS) - 1
    const text = this.#texts[parts % MOST_WORDS]!
    return before < 0 ? text : `${this.textOf(before)} ${text}`
  }

  #wordOf(text: string): number {
    let word = this.#words.get(text)
    if (word === undefined) {
      word = this.#texts.length
      this.#words.set(text, word)
      this.#texts.push(text)
    }
    return word
  }

  /** @param before the n-gram less its last word, −1 if that is all */
  #idOf(before: number, word: number): number {
    const parts = (before + 1) * MOST_WORDS + word
    let id = this.#ids.get(parts)
    if (id === undefined) {
      id = this.#parts.length
      this.#ids.set(parts, id)
      this.#parts.push(parts)
      this.#places.push(0)
    }
    return id
  }
}

/** The n-grams of a set of captions, numbered by one index. */
export interface CountedSet {
  readonly index: NgramIndex
  /** One caption an image. */
  readonly candidates: readonly Ngrams[]
  /** The captions of each image. */
  readonly references: readonly (readonly Ngrams[])[]
}

/**
 * @param candidates tokens, one caption an image
 * @param references tokens, the captions of each image
 */
export function countNgrams(
  candidates: readonly (readonly Token[])[],
  references: readonly (readonly (readonly Token[])[])[],
): CountedSet {
  const index = new NgramIndex()
  const read = (tokens: readonly Token[]): Ngrams => index.read(tokens)
  return {
    index,
    candidates: candidates.map(read),
    references: references.map((captions) => captions.map(read)),
  }
}
