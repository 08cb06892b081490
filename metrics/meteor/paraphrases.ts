import { expected } from '../../errors.js'
import { PhraseSet, readPhrase, type UsedPhrases } from './phrases.js'

/** METEOR's paraphrase table: phrases of one or more words joined by a space. */
export interface Paraphrases {
  /** Words of its longest phrase. */
  readonly longest: number
  /** Whether the phrase with this `phraseHash` may be in the table, on either side: false for most, and then it is not. */
  mayHave(hash: number): boolean
  /** What the table gives for a phrase; METEOR uses the pairs both ways. */
  of(phrase: string): readonly string[]
}

const NEWLINE = 10

/**
 * Reads an unpacked paraphrase table, three lines an entry: probability (which METEOR does not use), phrase, paraphrase;
 * the entries of a phrase follow each other. The paraphrases stay bytes until they are asked for: METEOR's English table
 * has 5.3 million.
 *
 * @param used the phrases of the captions that will be scored: the table keeps only what these can use, of METEOR's own
 *   for 30,000 captions one entry in 150; absent, it keeps all
 * @throws ShowtellError INVALID_DATA when the table has no entry, ends within one, names a phrase that it keeps in two
 *   places, or its last line is not ended
 */
export async function readParaphrases(
  chunks: AsyncIterable<Uint8Array>,
  where: string,
  used?: UsedPhrases,
): Promise<Paraphrases> {
  const table = new Table(where, used)
  for await (const chunk of chunks) table.read(chunk)
  table.end()
  return table
}

class Table implements Paraphrases {
  longest = 0
  readonly #where: string
  readonly #used: UsedPhrases | undefined
  readonly #groupOf = new Map<string, number>()
  readonly #starts: number[] = []
  readonly #decoder = new TextDecoder()
  readonly #known = new PhraseSet()
  #store: Uint8Array = new Uint8Array(1 << 20)
  #size = 0

  /** The phrase of the last entry with its line's end, then the beginning of an entry whose end is still to come. */
  #carried: Uint8Array = new Uint8Array()
  /** Bytes of that phrase. */
  #length = 0
  /** Whether captions use it, and whether the table has a paraphrase of it yet. */
  #isPhraseUsed = false
  #hasParaphrase = false
  #entries = 0

  constructor(where: string, used: UsedPhrases | undefined) {
    this.#where = where
    this.#used = used
  }

  mayHave(hash: number): boolean {
    return this.#known.mayHave(hash)
  }

  of(phrase: string): readonly string[] {
    const group = this.#groupOf.get(phrase)
    if (group === undefined) return []
    const text = this.#decoder.decode(
      this.#store.subarray(this.#starts[group], this.#starts[group + 1] ?? this.#size),
    )
    return text.split('\n').slice(0, -1)
  }

  /** Every byte of 270 million comes by here. */
  read(chunk: Uint8Array): void {
    const bytes = joined(this.#carried, chunk)
    const end = bytes.lastIndexOf(NEWLINE) + 1
    let current = 0
    let length = this.#length
    let read = length
    while (read < end) {
      const phrase = nextLine(bytes, read)
      if (phrase === end) break
      const isSame = length > 0 && isRepeated(bytes, current, length, phrase)
      const paraphrase = isSame ? phrase + length : nextLine(bytes, phrase)
      if (paraphrase === end) break
      if (!isSame) {
        current = phrase
        length = paraphrase - phrase
        this.#isPhraseUsed = this.#isUsed(bytes, phrase, paraphrase)
        this.#hasParaphrase = false
      }
      read = nextLine(bytes, paraphrase)
      this.#entries++
      if (!this.#isPhraseUsed || !this.#isUsed(bytes, paraphrase, read)) continue
      if (!this.#hasParaphrase) this.#openGroup(bytes, current, current + length - 1)
      this.#add(bytes, paraphrase, read)
    }
    this.#carried = joined(bytes.subarray(current, current + length), bytes.subarray(read))
    this.#length = length
  }

  end(): void {
    const rest = this.#carried.subarray(this.#length)
    if (rest.length === 0 && this.#entries > 0) return
    const lines = 3 * this.#entries + rest.filter((byte) => byte === NEWLINE).length
    throw expected('three lines an entry', this.#where, `${lines} lines`, 'INVALID_DATA')
  }

  #isUsed(bytes: Uint8Array, line: number, next: number): boolean {
    return this.#used === undefined || this.#used.mayHave(bytes, line, next - 1)
  }

  /** The phrase whose paraphrases come from here on. */
  #openGroup(bytes: Uint8Array, start: number, end: number): void {
    this.#hasParaphrase = true
    const text = this.#decoder.decode(bytes.subarray(start, end))
    this.#groupOf.set(text, this.#starts.length)
    this.#starts.push(this.#size)
    if (this.#groupOf.size < this.#starts.length)
      throw expected('the paraphrases of a phrase in one place', this.#where, text, 'INVALID_DATA')
    this.#know(bytes, start, end)
  }

  /** The line of a paraphrase. */
  #add(bytes: Uint8Array, line: number, next: number): void {
    const size = this.#size + next - line
    if (size > this.#store.length) {
      const larger = new Uint8Array(2 * size)
      larger.set(this.#store)
      this.#store = larger
    }
    for (let i = line; i < next; i++) this.#store[this.#size++] = bytes[i]!
    this.#know(bytes, line, next - 1)
  }

  #know(bytes: Uint8Array, start: number, end: number): void {
    const { hash, words } = readPhrase(bytes, start, end)
    this.#known.add(hash)
    this.longest = Math.max(this.longest, words)
  }
}

/** Where the line after the one at `at` begins; there must be an end of line. */
function nextLine(bytes: Uint8Array, at: number): number {
  let end = at
  while (bytes[end] !== NEWLINE) end++
  return end + 1
}

/** Whether the bytes at `at` are those from `start` on. */
function isRepeated(bytes: Uint8Array, start: number, length: number, at: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[at + i] !== bytes[start + i]) return false
  return true
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}
