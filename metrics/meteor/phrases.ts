import { normalize } from './normalize.js'

/** Words of a phrase by which phrases of captions are told apart. */
const FIRST_WORDS = 4
/** Bits of a hash that tell phrases apart: of those not in a set of 400,000 one in forty is taken for one that is. */
const HASH_BITS = 24
const SPACE = 32
const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/**
 * Hash of a phrase that goes on with one more word (FNV-1a over the UTF-8 of the words with a space after each).
 * @param before hash of the words before, absent for the first word
 */
export function phraseHash(word: Uint8Array, before = FNV_OFFSET): number {
  let hash = before
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word[i]!, FNV_PRIME)
  return Math.imul(hash ^ SPACE, FNV_PRIME)
}

/** The same of the first words of the phrase that lies between two places of the bytes. */
export function firstWordsHash(bytes: Uint8Array, start: number, end: number): number {
  let hash = FNV_OFFSET
  let words = 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    if (byte === SPACE && ++words === FIRST_WORDS) break
    hash = Math.imul(hash ^ byte, FNV_PRIME)
  }
  return Math.imul(hash ^ SPACE, FNV_PRIME)
}

/** A set of hashes that forgets nothing, but takes some for its own that were never added. */
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

/** The phrases of captions, given as tokens, by `firstWordsHash`. */
export function phrasesOf(captions: Iterable<readonly string[]>): PhraseSet {
  const encoder = new TextEncoder()
  const bytesOf = new Map<string, Uint8Array>()
  const phrases = new PhraseSet()
  for (const caption of captions) {
    const words = normalize(caption.join(' ')).map((word) => {
      let bytes = bytesOf.get(word)
      if (bytes === undefined) {
        bytes = encoder.encode(word)
        bytesOf.set(word, bytes)
      }
      return bytes
    })
    for (let start = 0; start < words.length; start++) {
      let hash: number | undefined
      for (let at = start; at < Math.min(words.length, start + FIRST_WORDS); at++) {
        hash = phraseHash(words[at]!, hash)
        phrases.add(hash)
      }
    }
  }
  return phrases
}
