import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Characters, splitText } from './characters.js'

describe('Characters', () => {
  it('gives every text back, and its ids from the first on', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 0, max: 3 }), (text, first) => {
        const characters = Characters.of([text], first)
        const ids = characters.encode(text)
        expect(characters.decode(ids)).toBe(text)
        for (const id of ids) expect(id >= first && id < characters.size).toBe(true)
      }),
    )
  })

  it('names a character that it does not know, or gives it the id for those', () => {
    const characters = Characters.of(['abc'], 1)
    expect(() => characters.encode('abz')).toThrow(
      'one of the 3 characters known for the text but received "z"',
    )
    expect(() => characters.encode('abz', undefined, 'notes.txt')).toThrow('known for notes.txt but')
    expect([...characters.encode('abz', 0)]).toEqual([1, 2, 0])
  })

  it('says which of some texts it does not know, each once', () => {
    const characters = Characters.of(['abc'], 1)
    expect(characters.unknownOf(['a😀b', '', 'éa😀', 'cc'])).toEqual(['😀', 'é'])
    expect(characters.unknownOf(['abc'])).toEqual([])
  })
})

it('a text is split by its characters, the last of nine tenths in both parts', () => {
  expect(splitText('abcdefghi😀')).toEqual({ train: 'abcdefghi', validation: 'i😀' })
  expect(splitText('😀'.repeat(25))).toEqual({ train: '😀'.repeat(22), validation: '😀'.repeat(4) })
})

it('a text that cannot be split is named', () => {
  for (const length of [0, 1])
    expect(() => splitText('a'.repeat(length), 'notes.txt')).toThrow(
      `Expected a text that can be split for notes.txt but received "${length} characters"`,
    )
})
