import { expected } from '../../errors.js'

/** METEOR's paraphrase table: phrases of one or more words joined by a space. */
export interface Paraphrases {
  /** Words of the longest phrase that has an entry. */
  readonly longest: number
  /** Whether the table may have something for the phrase with this `phraseHash`: false for most, and then it has nothing. */
  mayHave(hash: number): boolean
  /** What the table gives for a phrase; METEOR uses the pairs both ways. */
  of(phrase: string): readonly string[]
}

const NEWLINE = 10
const SPACE = 32
/** Bits of a hash that tell phrases apart: of those without an entry one in forty is looked up in vain. */
const HASH_BITS = 24

/**
 * Hash of a phrase that goes on with one more word (FNV-1a over the UTF-8 of the words with a space after each).
 * @param before hash of the words before, absent for the first word
 */
export function phraseHash(word: Uint8Array, before = 0x811c9dc5): number {
  let hash = before
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word[i]!, 0x01000193)
  return Math.imul(hash ^ SPACE, 0x01000193)
}

/**
 * Reads an unpacked paraphrase table, three lines an entry: probability (which METEOR does not use), phrase, paraphrase;
 * the entries of a phrase follow each other. The paraphrases stay bytes until they are asked for: METEOR's English table
 * has 5.3 million.
 *
 * @throws ShowtellError INVALID_DATA when the table ends within an entry or names a phrase in two places, or its last line is not ended
 */
export async function readParaphrases(
  chunks: AsyncIterable<Uint8Array>,
  where: string,
): Promise<Paraphrases> {
  const table = new Table(where)
  for await (const chunk of chunks) table.read(chunk)
  table.end()
  return table
}

class Table implements Paraphrases {
  longest = 0
  readonly #where: string
  readonly #groupOf = new Map<string, number>()
  readonly #starts: number[] = []
  readonly #decoder = new TextDecoder()
  /** A bit a hash. */
  readonly #known = new Uint32Array(1 << (HASH_BITS - 5))
  #store: Uint8Array = new Uint8Array(1 << 20)
  #size = 0

  #current: Uint8Array | undefined
  #entries = 0
  /** The beginning of an entry whose end is still to come. */
  #rest: Uint8Array = new Uint8Array()

  constructor(where: string) {
    this.#where = where
  }

  mayHave(hash: number): boolean {
    const bit = hash >>> (32 - HASH_BITS)
    return ((this.#known[bit >>> 5]! >>> (bit & 31)) & 1) === 1
  }

  of(phrase: string): readonly string[] {
    const group = this.#groupOf.get(phrase)
    if (group === undefined) return []
    const end = (this.#starts[group + 1] ?? this.#size) - 1
    return this.#decoder.decode(this.#store.subarray(this.#starts[group], end)).split('\n')
  }

  /** Every byte of 270 million comes by here. */
  read(chunk: Uint8Array): void {
    const bytes = this.#rest.length === 0 ? chunk : joined(this.#rest, chunk)
    this.#reserve(bytes.length)
    const store = this.#store
    let read = 0
    for (;;) {
      const phrase = nextLine(bytes, read)
      const paraphrase = nextLine(bytes, phrase)
      let size = this.#size
      let at = paraphrase
      while (at < bytes.length && bytes[at] !== NEWLINE) store[size++] = bytes[at++]!
      if (at >= bytes.length) break
      if (!isAt(bytes, phrase, paraphrase - 1, this.#current))
        this.#openGroup(bytes.slice(phrase, paraphrase - 1))
      store[size++] = NEWLINE
      this.#size = size
      this.#entries++
      read = at + 1
    }
    this.#rest = bytes.slice(read)
  }

  end(): void {
    if (this.#rest.length === 0) return
    const lines = 3 * this.#entries + this.#rest.filter((byte) => byte === NEWLINE).length
    throw expected('three lines an entry', this.#where, `${lines} lines`, 'INVALID_DATA')
  }

  /** Whose paraphrases come from here on. */
  #openGroup(phrase: Uint8Array): void {
    this.#current = phrase
    const text = this.#decoder.decode(phrase)
    this.#groupOf.set(text, this.#starts.length)
    this.#starts.push(this.#size)
    if (this.#groupOf.size < this.#starts.length)
      throw expected('the paraphrases of a phrase in one place', this.#where, text, 'INVALID_DATA')
    const bit = phraseHash(phrase) >>> (32 - HASH_BITS)
    this.#known[bit >>> 5]! |= 1 << (bit & 31)
    this.longest = Math.max(this.longest, text.split(' ').length)
  }

  #reserve(length: number): void {
    if (this.#size + length <= this.#store.length) return
    const larger = new Uint8Array(Math.max(this.#store.length * 2, this.#size + length))
    larger.set(this.#store)
    this.#store = larger
  }
}

/** Where the line after the one at `at` begins; past the end where it does not. */
function nextLine(bytes: Uint8Array, at: number): number {
  let end = at
  while (end < bytes.length && bytes[end] !== NEWLINE) end++
  return end + 1
}

function isAt(bytes: Uint8Array, start: number, end: number, phrase: Uint8Array | undefined): boolean {
  if (phrase?.length !== end - start) return false
  for (let i = 0; i < phrase.length; i++) if (bytes[start + i] !== phrase[i]) return false
  return true
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}
