import { z } from 'zod'
import { expected, ShowtellError } from '../errors.js'

const PAD = 0
const END = 1
const UNKNOWN = 2
const SPECIALS = ['<pad>', '<end>', '<unk>'] as const
const SPECIAL = new RegExp(`^(?:${SPECIALS.join('|')}|<start:.*>)$`)

const jsonSchema = z.strictObject({
  version: z.literal(1),
  styles: z.array(z.string().regex(/^[^\s<>]+$/)).min(1),
  words: z.array(z.string().regex(/^\S+$/)),
})
/** What `vocabulary.json` of a bundle holds; token ids follow from the order. */
export type VocabularyJson = z.infer<typeof jsonSchema>

/**
 * Words and their token ids: pad 0, end 1, unknown 2, one start token a style, then the words. Never changes; `extend`
 * gives another.
 */
export class Vocabulary {
  readonly pad = PAD
  readonly end = END
  /** Token id of the first word; what is below is pad, end, unknown and the start tokens. */
  readonly firstWord: number
  private readonly texts: readonly string[]
  private readonly ids: ReadonlyMap<string, number>

  private constructor(
    /** Each has a start token, in this order from token id 3. */
    readonly styles: readonly string[],
    words: readonly string[],
  ) {
    this.firstWord = SPECIALS.length + styles.length
    this.texts = [...SPECIALS, ...styles.map((style) => `<start:${style}>`), ...words]
    this.ids = new Map(this.texts.map((text, id) => [text, id]))
    if (this.ids.size !== this.texts.length) {
      const twice = this.texts.find((text, id) => this.ids.get(text) !== id)
      throw expected('every word once', 'vocabulary', twice, 'INVALID_DATA')
    }
  }

  /**
   * The words that occur `minimumCount` times or more, by falling frequency, then by code units. What is called as a
   * special is, as in captions that were tokenized before (`a <unk> dog`), is left out and so stays unknown.
   * @param captions the words of each caption
   */
  static build(
    captions: Iterable<readonly string[]>,
    { minimumCount, styles }: { readonly minimumCount: number; readonly styles: readonly string[] },
  ): Vocabulary {
    if (!Number.isInteger(minimumCount) || minimumCount < 1)
      throw expected('an integer of 1 or more', 'minimumCount', minimumCount)
    const counts = new Map<string, number>()
    for (const words of captions) for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
    const words = [...counts]
      .filter(([word, count]) => count >= minimumCount && !SPECIAL.test(word))
      .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    return Vocabulary.fromJSON({ version: 1, styles, words: words.map(([word]) => word) })
  }

  /** @throws ShowtellError INVALID_DATA naming what is wrong. */
  static fromJSON(value: unknown): Vocabulary {
    const parsed = jsonSchema.safeParse(value)
    if (parsed.success) return new Vocabulary(parsed.data.styles, parsed.data.words)
    const [issue] = parsed.error.issues
    const where = ['vocabulary', ...(issue?.path ?? [])].join('.')
    throw new ShowtellError(
      'INVALID_DATA',
      `Expected a vocabulary but ${where} is wrong: ${issue?.message}`,
      {
        where,
      },
    )
  }

  toJSON(): VocabularyJson {
    return { version: 1, styles: [...this.styles], words: this.texts.slice(this.firstWord) }
  }

  /** How many token ids there are, specials included. */
  get size(): number {
    return this.texts.length
  }

  /** How many of them are words. */
  get wordCount(): number {
    return this.size - this.firstWord
  }

  /** Token ids of words; a word that is not in the vocabulary becomes unknown. */
  encode(words: readonly string[]): Int32Array {
    return Int32Array.from(words, (word) => this.idOf(word) ?? UNKNOWN)
  }

  /** The words up to end; pads and start tokens are left out, unknown becomes `<unk>`. */
  decode(ids: Iterable<number>): string[] {
    const words: string[] = []
    for (const id of ids) {
      if (id === END) break
      const text = this.word(id)
      if (id === UNKNOWN || id >= this.firstWord) words.push(text)
    }
    return words
  }

  /** Token id of a word, undefined where it is not in the vocabulary. Specials are no words. */
  idOf(word: string): number | undefined {
    const id = this.ids.get(word)
    return id !== undefined && id >= this.firstWord ? id : undefined
  }

  /** The word of a token id; `<pad>`, `<end>`, `<unk>`, `<start:coco>` for the specials. */
  word(id: number): string {
    const text = this.texts[id]
    if (text === undefined) throw expected(`a token id from 0 to ${this.size - 1}`, 'vocabulary', id)
    return text
  }

  /** [size] 1 for each token whose word fits. Specials are no words. */
  wordsThat(fits: (word: string) => boolean): Uint8Array {
    return Uint8Array.from(this.texts, (text, id) => (id >= this.firstWord && fits(text) ? 1 : 0))
  }

  /** The start token of a style. @throws ShowtellError INVALID_ARGUMENT naming the styles there are. */
  startOf(style: string): number {
    const index = this.styles.indexOf(style)
    if (index < 0) throw expected(`one of ${this.styles.join(', ')}`, 'style', style)
    return SPECIALS.length + index
  }

  /** With the words and styles that are new after the others, in their order; where no style is, the token ids of the others stay. */
  extend(words: Iterable<string>, styles: Iterable<string> = []): Vocabulary {
    const known = this.toJSON()
    return Vocabulary.fromJSON({
      ...known,
      styles: [...new Set([...known.styles, ...styles])],
      words: [...new Set([...known.words, ...words])],
    })
  }
}
