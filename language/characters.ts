import { z } from 'zod'
import { expected } from '../errors.js'

/** Characters as the `config.json` of a bundle lists them. */
export const charactersSchema = z
  .array(z.string().min(1))
  .refine((list) => new Set(list).size === list.length, 'every character may come once')

/** The characters (Unicode code points) of a text and their token ids, which follow from the order. */
export class Characters {
  private readonly ids: ReadonlyMap<string, number>

  /**
   * @param list each once.
   * @param first the id of the first character; those below are for others to give away.
   */
  constructor(
    readonly list: readonly string[],
    readonly first = 0,
  ) {
    this.ids = new Map(list.map((character, i) => [character, first + i]))
  }

  /** Those that occur in some texts, in the order of their numbers. */
  static of(texts: Iterable<string>, first = 0): Characters {
    const seen = new Set<string>()
    for (const text of texts) for (const character of text) seen.add(character)
    return new Characters(
      [...seen].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!),
      first,
    )
  }

  /** How many token ids there are, those below the first included. */
  get size(): number {
    return this.first + this.list.length
  }

  /**
   * @param unknown what a character becomes that is not among these.
   * @param where the name of the text in errors.
   * @throws ShowtellError INVALID_DATA naming such a character where there is no `unknown`.
   */
  encode(text: string, unknown?: number, where = 'the text'): Int32Array {
    return Int32Array.from(Array.from(text), (character) => {
      const id = this.ids.get(character) ?? unknown
      if (id === undefined)
        throw expected(`one of the ${this.list.length} characters known`, where, character, 'INVALID_DATA')
      return id
    })
  }

  /** The characters of some texts that are not among these, each once, in the order in which they come. */
  unknownOf(texts: Iterable<string>): string[] {
    const found = new Set<string>()
    for (const text of texts) for (const character of text) if (!this.ids.has(character)) found.add(character)
    return [...found]
  }

  /** Ids below the first character say nothing. */
  decode(ids: Iterable<number>): string {
    let text = ''
    for (const id of ids) text += this.list[id - this.first] ?? ''
    return text
  }
}

/** Share of a text that is trained on; what follows is held out (as nanoGPT splits tinyshakespeare). */
const TRAINED = 0.9

/**
 * A text cut in two, by its characters. The held-out part begins with the last character that is trained on, so that of
 * its own characters each has one before it.
 * @param where the name of the text in errors.
 * @throws ShowtellError INVALID_DATA for a text too short.
 */
export function splitText(text: string, where = 'the text'): { train: string; validation: string } {
  const characters = Array.from(text)
  const cut = Math.floor(TRAINED * characters.length)
  if (cut < 1 || cut === characters.length)
    throw expected('a text that can be split', where, `${characters.length} characters`, 'INVALID_DATA')
  return { train: characters.slice(0, cut).join(''), validation: characters.slice(cut - 1).join('') }
}
