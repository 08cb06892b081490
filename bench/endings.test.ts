import { expect, it } from 'vitest'
import { breaksOff, FUNCTION_WORDS } from '../data/function-words.js'
import { Vocabulary } from '../data/vocabulary.js'
import { constraintsOf } from '../decoder/captioning.js'
import { captionOptionsSchema } from '../decoder/options.js'
import type { Words } from '../search/constraints.js'
import { endingsOf } from './endings.js'

it('tells another program which words may not end a caption: the rule of the search, and of the metrics', () => {
  const words = [...FUNCTION_WORDS, 'red', 'white', 'wooden', 'dog', 'runs']
  const vocabulary = Vocabulary.fromJSON({ version: 1, styles: ['plain'], words })
  const { never, attributes, articles, between } = endingsOf(vocabulary)
  const isOpen = (tokens: readonly number[]): boolean => {
    const waits = tokens.reduce(
      (before, token) => articles[token] === 1 || (before && between[token] === 1),
      false,
    )
    const last = tokens.at(-1)!
    return never[last] === 1 || (attributes[last] === 1 && waits)
  }
  const constraints = constraintsOf(vocabulary, captionOptionsSchema.parse({ minLength: 0 }))
  const endForbidden = (tokens: readonly number[]): boolean => {
    const start: Words = { before: undefined, token: vocabulary.startOf('plain'), length: 0 }
    const said = tokens.reduce<Words>((before, token, i) => ({ before, token, length: i + 1 }), start)
    return constraints.forbidden(said)(vocabulary.end)
  }
  const around = (word: string) => [
    ...[[word], ['a', word], ['an', word], [word, 'red'], ['a', word, 'red'], ['a', 'red', word]],
    ...[
      ['the', word, 'white'],
      ['a', 'dog', 'and', word],
      ['a', 'wooden', 'and', word, 'white'],
    ],
  ]
  for (const caption of words.flatMap(around)) {
    const tokens = [...vocabulary.encode(caption)]
    expect(endForbidden(tokens), caption.join(' ')).toBe(isOpen(tokens))
    expect(breaksOff(caption), caption.join(' ')).toBe(isOpen(tokens))
  }
})
