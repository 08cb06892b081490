import { expected } from '../../errors.js'

/** METEOR's paraphrase table: phrases of one or more words joined by a space. */
export interface Paraphrases {
  /** Words of the longest phrase. */
  readonly longest: number
  /** What the table gives for a phrase; METEOR uses the pairs both ways. */
  of(phrase: string): readonly string[]
}

const NEWLINE = 10
const SPACE = 32

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
  #store: Uint8Array = new Uint8Array(1 << 20)
  #size = 0

  // A phrase is first read onto the end of the store, to be dropped again; a paraphrase stays there.
  #current: Uint8Array = new Uint8Array()
  #lineStart = 0
  #lineWords = 1
  #lines = 0

  constructor(where: string) {
    this.#where = where
  }

  of(phrase: string): readonly string[] {
    const group = this.#groupOf.get(phrase)
    if (group === undefined) return []
    const end = (this.#starts[group + 1] ?? this.#size) - 1
    return this.#decoder.decode(this.#store.subarray(this.#starts[group], end)).split('\n')
  }

  /** Every byte of 270 million comes by here: fields are kept in variables between the lines' ends. */
  read(chunk: Uint8Array): void {
    this.#reserve(chunk.length)
    const store = this.#store
    let size = this.#size
    let words = this.#lineWords
    let isKept = this.#lines % 3 !== 0
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!
      if (byte === NEWLINE) {
        this.#size = size
        this.#lineWords = words
        this.#endLine()
        size = this.#size
        words = 1
        isKept = this.#lines % 3 !== 0
      } else if (isKept) {
        store[size++] = byte
        if (byte === SPACE) words++
      }
    }
    this.#size = size
    this.#lineWords = words
  }

  end(): void {
    if (this.#lines % 3 !== 0 || this.#size > this.#lineStart)
      throw expected('three lines an entry', this.#where, `${this.#lines} lines`, 'INVALID_DATA')
  }

  #endLine(): void {
    const field = this.#lines++ % 3
    this.longest = Math.max(this.longest, this.#lineWords)
    if (field === 1) {
      const phrase = this.#store.subarray(this.#lineStart, this.#size)
      this.#size = this.#lineStart
      if (this.#starts.length === 0 || !isEqual(phrase, this.#current)) this.#openGroup(phrase)
    } else if (field === 2) this.#store[this.#size++] = NEWLINE
    this.#lineStart = this.#size
  }

  #openGroup(phrase: Uint8Array): void {
    this.#current = phrase.slice()
    const text = this.#decoder.decode(phrase)
    if (this.#groupOf.has(text))
      throw expected('the paraphrases of a phrase in one place', this.#where, text, 'INVALID_DATA')
    this.#groupOf.set(text, this.#starts.length)
    this.#starts.push(this.#size)
  }

  #reserve(length: number): void {
    if (this.#size + length <= this.#store.length) return
    const larger = new Uint8Array(Math.max(this.#store.length * 2, this.#size + length))
    larger.set(this.#store)
    this.#store = larger
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
