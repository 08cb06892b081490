import { expected } from '../../errors.js'
import { firstWordsHash, PhraseSet, phraseHash } from './phrases.js'

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

/**
 * Reads an unpacked paraphrase table, three lines an entry: probability (which METEOR does not use), phrase, paraphrase;
 * the entries of a phrase follow each other. The paraphrases stay bytes until they are asked for: METEOR's English table
 * has 5.3 million.
 *
 * @param used phrases of the captions that are to be scored, see `phrasesOf`; given, the table keeps only what these can
 *   use, of METEOR's own for 30,000 captions one entry in 150
 * @throws ShowtellError INVALID_DATA when the table ends within an entry, names a phrase that it keeps in two places, or
 *   its last line is not ended
 */
export async function readParaphrases(
  chunks: AsyncIterable<Uint8Array>,
  where: string,
  used?: PhraseSet,
): Promise<Paraphrases> {
  const table = new Table(where, used)
  for await (const chunk of chunks) table.read(chunk)
  table.end()
  return table
}

class Table implements Paraphrases {
  longest = 0
  readonly #where: string
  readonly #used: PhraseSet | undefined
  readonly #groupOf = new Map<string, number>()
  readonly #starts: number[] = []
  readonly #decoder = new TextDecoder()
  readonly #known = new PhraseSet()
  #store: Uint8Array = new Uint8Array(1 << 20)
  #size = 0

  /** The phrase of the last entry with its line's end, whether captions use it, and whether it has a paraphrase already. */
  #phrase: Uint8Array | undefined
  #isPhraseUsed = false
  #hasParaphrase = false
  #entries = 0
  /** The beginning of an entry whose end is still to come. */
  #rest: Uint8Array = new Uint8Array()

  constructor(where: string, used: PhraseSet | undefined) {
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
    const bytes = this.#rest.length === 0 ? chunk : joined(this.#rest, chunk)
    const end = bytes.lastIndexOf(NEWLINE) + 1
    let read = 0
    while (read < end) {
      const phrase = nextLine(bytes, read)
      if (phrase === end) break
      const isSame = isLineAt(bytes, phrase, this.#phrase)
      const paraphrase = isSame ? phrase + this.#phrase!.length : nextLine(bytes, phrase)
      if (paraphrase === end) break
      if (!isSame) {
        this.#phrase = bytes.slice(phrase, paraphrase)
        this.#isPhraseUsed = this.#isUsed(bytes, phrase, paraphrase)
        this.#hasParaphrase = false
      }
      read = nextLine(bytes, paraphrase)
      if (this.#isPhraseUsed && this.#isUsed(bytes, paraphrase, read)) {
        if (!this.#hasParaphrase) this.#addPhrase()
        this.#addParaphrase(bytes.subarray(paraphrase, read))
      }
      this.#entries++
    }
    this.#rest = bytes.slice(read)
  }

  end(): void {
    if (this.#rest.length === 0) return
    const lines = 3 * this.#entries + this.#rest.filter((byte) => byte === NEWLINE).length
    throw expected('three lines an entry', this.#where, `${lines} lines`, 'INVALID_DATA')
  }

  #isUsed(bytes: Uint8Array, line: number, next: number): boolean {
    return this.#used === undefined || this.#used.mayHave(firstWordsHash(bytes, line, next - 1))
  }

  /** Whose paraphrases come from here on. */
  #addPhrase(): void {
    this.#hasParaphrase = true
    const phrase = this.#phrase!.subarray(0, -1)
    const text = this.#decoder.decode(phrase)
    this.#groupOf.set(text, this.#starts.length)
    this.#starts.push(this.#size)
    if (this.#groupOf.size < this.#starts.length)
      throw expected('the paraphrases of a phrase in one place', this.#where, text, 'INVALID_DATA')
    this.#known.add(phraseHash(phrase))
    this.longest = Math.max(this.longest, text.split(' ').length)
  }

  #addParaphrase(line: Uint8Array): void {
    if (this.#size + line.length > this.#store.length) {
      const larger = new Uint8Array(2 * (this.#size + line.length))
      larger.set(this.#store)
      this.#store = larger
    }
    this.#store.set(line, this.#size)
    this.#size += line.length
  }
}

/** Where the line after the one at `at` begins; there must be an end of line. */
function nextLine(bytes: Uint8Array, at: number): number {
  let end = at
  while (bytes[end] !== NEWLINE) end++
  return end + 1
}

function isLineAt(bytes: Uint8Array, start: number, line: Uint8Array | undefined): boolean {
  if (line === undefined) return false
  for (let i = 0; i < line.length; i++) if (bytes[start + i] !== line[i]) return false
  return true
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}
