import type { Phrase, Sentence, SentenceSet, Word } from './sentence.js'

export const EXACT = 0
export const PARAPHRASE = 3

/** `length` words of the candidate from `start` on correspond to `referenceLength` words of the reference. */
export interface Option {
  /** 0 exact, 1 stem, 2 synonym, 3 paraphrase. */
  readonly module: number
  readonly start: number
  readonly length: number
  readonly referenceLength: number
}

/** Matches of one word with one module that are looked at from one place. No caption uses a word as often. */
const MOST_ALIKE = 80

/** Something that stands at a place of a sentence. */
interface Placed {
  readonly start: number
}

const NONE: readonly never[] = []

/** Finds what words of a reference may correspond to in a candidate; candidates and references are of one set. */
export class MatchFinder {
  #candidate: Sentence = { words: [], spans: [] }
  /** Where the candidate has each word and each phrase, and a reference each phrase. */
  readonly #words: NumberedLists<Placed>
  readonly #phrases: NumberedLists<Placed>
  readonly #referencePhrases: NumberedLists<Placed>
  /** Matches of a reference's word: a list a module that has some, each in the order of the candidate. */
  readonly #found: NumberedLists<Option[]>

  constructor({ words, phrases }: SentenceSet) {
    this.#words = new NumberedLists(words)
    this.#found = new NumberedLists(words)
    this.#phrases = new NumberedLists(phrases)
    this.#referencePhrases = new NumberedLists(phrases)
  }

  get candidate(): Sentence {
    return this.#candidate
  }

  /** Given once for all its references. */
  set candidate(candidate: Sentence) {
    this.#candidate = candidate
    this.#found.clear()
    this.#words.clear()
    candidate.words.forEach(({ id }, start) => {
      this.#words.append(id, { start })
    })
    placePhrases(candidate, this.#phrases)
  }

  /** Every match of every module, by its position in the reference, in the order of the modules. */
  find(reference: Sentence): Option[][] {
    const options = reference.words.map((word, position) => {
      const here: Option[] = []
      for (const alike of this.#ofWord(word)) here.push(...around(position, alike))
      return here
    })
    // A pair that the table has both ways makes two matches, which then compete.
    for (const { start: position, phrase } of reference.spans)
      for (const other of phrase.paraphrases)
        for (const { start } of around(position, this.#phrases.get(other.id) ?? NONE))
          options[position]!.push(paraphrase(start, other, phrase))
    placePhrases(reference, this.#referencePhrases)
    for (const { start, phrase } of this.#candidate.spans)
      for (const other of phrase.paraphrases)
        for (const { start: position } of around(start, this.#referencePhrases.get(other.id) ?? NONE))
          options[position]!.push(paraphrase(start, phrase, other))
    return options
  }

  #ofWord(word: Word): readonly (readonly Option[])[] {
    const known = this.#found.get(word.id)
    if (known !== undefined) return known
    const lists = [[word], word.sameStem, word.synonyms].map((alike, module) => this.#among(alike, module))
    const found = lists.filter((options) => options.length > 0)
    this.#found.set(word.id, found)
    return found
  }

  #among(alike: readonly Word[], module: number): Option[] {
    const options: Option[] = []
    for (const { id } of alike)
      for (const { start } of this.#words.get(id) ?? NONE)
        options.push({ module, start, length: 1, referenceLength: 1 })
    return options.length > 1 ? options.sort((a, b) => a.start - b.start) : options
  }
}

/**
 * Lists by small numbers, dropped all at once: a sparse set (Briggs & Torczon 1993). Looking up is all that most of
 * METEOR's time goes into, and this takes a tenth of what a map of objects takes.
 */
class NumberedLists<T> {
  readonly #numbers: number[] = []
  readonly #lists: T[][] = []
  /** Where a number would be among those; anything for others. */
  readonly #places: Int32Array

  /** @param limit above all numbers */
  constructor(limit: number) {
    this.#places = new Int32Array(limit)
  }

  clear(): void {
    this.#numbers.length = 0
    this.#lists.length = 0
  }

  get(number: number): readonly T[] | undefined {
    const place = this.#places[number]!
    return place < this.#numbers.length && this.#numbers[place] === number ? this.#lists[place] : undefined
  }

  set(number: number, list: T[]): void {
    this.#places[number] = this.#numbers.length
    this.#numbers.push(number)
    this.#lists.push(list)
  }

  append(number: number, value: T): void {
    if (this.get(number) === undefined) this.set(number, [value])
    else this.#lists[this.#places[number]!]!.push(value)
  }
}

function paraphrase(start: number, { length }: Phrase, ofReference: Phrase): Option {
  return { module: PARAPHRASE, start, length, referenceLength: ofReference.length }
}

function placePhrases({ spans }: Sentence, places: NumberedLists<Placed>): void {
  places.clear()
  for (const span of spans) places.append(span.phrase.id, span)
}

/** All of a list that is in the order of the starts, or the part of a long one that is around a position. */
function around<T extends Placed>(position: number, alike: readonly T[]): readonly T[] {
  if (alike.length <= MOST_ALIKE) return alike
  let low = 0
  let high = alike.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (alike[middle]!.start < position) low = middle + 1
    else high = middle
  }
  const from = Math.max(0, Math.min(low - MOST_ALIKE / 2, alike.length - MOST_ALIKE))
  return alike.slice(from, from + MOST_ALIKE)
}
