import { normalizeTokens } from './normalize.js'

/** Words of a phrase by which it is looked for in captions. */
const FIRST_WORDS = 4
/** Bits of a hash that tell phrases apart: of those not in a set of 400,000 one in forty is taken for one that is. */
const HASH_BITS = 24
const SPACE = 32
const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** Hash of a phrase from that of its last word, FNV-1a of the word's UTF-8, and that of the phrase before it. */
export function phraseHash(word: number, before = 0): number {
  return Math.imul(before ^ word, FNV_PRIME)
}

/** Hash of the phrase between two places of the bytes, and how many words it has. */
export function readPhrase(bytes: Uint8Array, start: number, end: number): { hash: number; words: number } {
  let hash = 0
  let word = FNV_OFFSET
  let words = 1
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    if (byte !== SPACE) word = Math.imul(word ^ byte, FNV_PRIME)
    else {
      hash = phraseHash(word, hash)
      word = FNV_OFFSET
      words++
    }
  }
  return { hash: phraseHash(word, hash), words }
}

/** Hashes words, each once. */
export function wordHasher(): (word: string) => number {
  const encoder = new TextEncoder()
  const hashes = new Map<string, number>()
  return (word) => {
    let hash = hashes.get(word)
    if (hash === undefined) {
      hash = FNV_OFFSET
      for (const byte of encoder.encode(word)) hash = Math.imul(hash ^ byte, FNV_PRIME)
      hashes.set(word, hash)
    }
    return hash
  }
}

/** A set of hashes that forgets none, but takes some for its own that were never added. */
export class PhraseSet {
  readonly #bits = new Uint32Array(1 << (HASH_BITS - 5))

  add(hash: number): void {
    const bit = hash >>> (32 - HASH_BITS)
    this.#bits[bit >>> 5]! |= 1 << (bit & 31)
  }

  mayHave(hash: number): boolean {
    const bit = hash >>> (32 - HASH_BITS)
    return ((this.#bits[bit >>> 5]! >>> (bit & 31)) & 1) === 1
  }
}

/** The phrases that captions, given as tokens, are made of. */
export class UsedPhrases {
  /** Of every phrase its first word, its first two and so on. */
  readonly #firstWords = new PhraseSet()

  constructor(captions: Iterable<readonly string[]>) {
    const hashOf = wordHasher()
    for (const caption of captions) {
      const words = normalizeTokens(caption).map(hashOf)
      for (let start = 0; start < words.length; start++) {
        let hash = 0
        for (let at = start; at < Math.min(words.length, start + FIRST_WORDS); at++) {
          hash = phraseHash(words[at]!, hash)
          this.#firstWords.add(hash)
        }
      }
    }
  }

  /**
   * Whether some caption may have the phrase between two places of the bytes: if some has its first word, its first two
   * and so on. Most phrases of the table are told by two.
   */
  mayHave(bytes: Uint8Array, start: number, end: number): boolean {
    let hash = 0
    let word = FNV_OFFSET
    let words = 0
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!
      if (byte !== SPACE) word = Math.imul(word ^ byte, FNV_PRIME)
      else {
        hash = phraseHash(word, hash)
        if (!this.#firstWords.mayHave(hash)) return false
        if (++words === FIRST_WORDS) return true
        word = FNV_OFFSET
      }
    }
    return this.#firstWords.mayHave(phraseHash(word, hash))
  }
}
