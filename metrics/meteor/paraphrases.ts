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
  const groupOf = new Map<string, number>()
  const starts: number[] = []
  const decoder = new TextDecoder()
  let store: Uint8Array = new Uint8Array(1 << 20)
  let size = 0
  let longest = 0

  // A phrase is first read onto the end of the store, to be dropped again; a paraphrase stays there.
  let current: Uint8Array = new Uint8Array()
  let lineStart = 0
  let lineWords = 1
  let lines = 0

  function endLine(): void {
    const isPhrase = lines++ % 3 === 1
    longest = Math.max(longest, lineWords)
    lineWords = 1
    if (isPhrase) {
      const phrase = store.subarray(lineStart, size)
      size = lineStart
      if (starts.length === 0 || !isEqual(phrase, current)) openGroup(phrase)
    } else if (size > lineStart) store[size++] = NEWLINE
    lineStart = size
  }

  function openGroup(phrase: Uint8Array): void {
    current = phrase.slice()
    const text = decoder.decode(phrase)
    if (groupOf.has(text))
      throw expected('the paraphrases of a phrase in one place', where, text, 'INVALID_DATA')
    groupOf.set(text, starts.length)
    starts.push(size)
  }

  for await (const chunk of chunks) {
    if (size + chunk.length > store.length) {
      const larger = new Uint8Array(Math.max(store.length * 2, size + chunk.length))
      larger.set(store)
      store = larger
    }
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!
      if (byte === NEWLINE) endLine()
      else if (lines % 3 !== 0) {
        store[size++] = byte
        if (byte === SPACE) lineWords++
      }
    }
  }
  if (lines % 3 !== 0 || size > lineStart)
    throw expected('three lines an entry', where, `${lines} lines`, 'INVALID_DATA')

  return {
    longest,
    of(phrase) {
      const group = groupOf.get(phrase)
      if (group === undefined) return []
      return decoder.decode(store.subarray(starts[group], (starts[group + 1] ?? size) - 1)).split('\n')
    },
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
