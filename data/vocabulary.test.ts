import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Vocabulary } from './vocabulary.js'

const captions = [
  ['a', 'dog', 'runs'],
  ['a', 'cat', 'sleeps'],
  ['the', 'cat', 'runs', 'a', 'bit'],
]

describe('Vocabulary', () => {
  const vocabulary = Vocabulary.build(captions, { minimumCount: 2, styles: ['coco', 'flickr8k'] })

  it('puts pad, end, unknown and the start tokens before the words, which fall in frequency, then go by alphabet', () => {
    const texts = Array.from({ length: vocabulary.size }, (_, id) => vocabulary.word(id))
    expect(texts).toEqual(['<pad>', '<end>', '<unk>', '<start:coco>', '<start:flickr8k>', 'a', 'cat', 'runs'])
    expect([vocabulary.pad, vocabulary.end, vocabulary.firstWord]).toEqual([0, 1, 5])
    expect(vocabulary.startOf('flickr8k')).toBe(4)
    expect(() => vocabulary.startOf('haiku')).toThrow(
      'Expected one of coco, flickr8k for style but received "haiku"',
    )
  })

  it('leaves out words that are called as specials are', () => {
    const said = [
      ['<unk>', 'dog', '<pad>'],
      ['<unk>', 'dog', '<end>', '<start:coco>', '<start:other>'],
    ]
    const { words } = Vocabulary.build(said, { minimumCount: 1, styles: ['coco'] }).toJSON()
    expect(words).toEqual(['dog'])
  })

  it('encodes rare words and the names of specials as unknown', () => {
    expect([...vocabulary.encode(['a', 'dog', '<end>', 'runs'])]).toEqual([5, 2, 2, 7])
  })

  it('decodes up to end, without pads and start tokens', () => {
    expect(vocabulary.decode([3, 5, 2, 0, 7, 1, 6])).toEqual(['a', '<unk>', 'runs'])
    expect(() => vocabulary.decode([8])).toThrow(
      'Expected a token id from 0 to 7 for vocabulary but received 8',
    )
  })

  it('keeps the token ids when words are added', () => {
    const extended = vocabulary.extend(['zebra', 'cat', 'dog', 'zebra'])
    expect([...extended.encode(['a', 'cat', 'runs', 'zebra', 'dog'])]).toEqual([5, 6, 7, 8, 9])
    expect(vocabulary.size).toBe(8)
  })

  it('comes back from JSON the same, whatever the words', () => {
    const word = fc.string({ minLength: 1 }).filter((text) => /^\S+$/.test(text) && !text.startsWith('<'))
    fc.assert(
      fc.property(fc.array(fc.array(word)), fc.integer({ min: 1, max: 3 }), (lists, minimumCount) => {
        const built = Vocabulary.build(lists, { minimumCount, styles: ['own'] })
        const again = Vocabulary.fromJSON(JSON.parse(JSON.stringify(built)))
        expect(again.toJSON()).toEqual(built.toJSON())
        for (const words of lists) {
          const known = words.filter((text) => built.idOf(text) !== undefined)
          expect(again.decode(built.encode(known))).toEqual(known)
          for (const text of words) {
            const count = lists.flat().filter((other) => other === text).length
            expect(built.idOf(text) !== undefined).toBe(count >= minimumCount)
          }
        }
      }),
    )
  })

  it('refuses a file that is no vocabulary, naming what is wrong', () => {
    const json = vocabulary.toJSON()
    expect(() => Vocabulary.fromJSON({ ...json, words: ['a', 'b', 'a'] })).toThrow(
      'Expected every word once for vocabulary but received "a"',
    )
    expect(() => Vocabulary.fromJSON({ ...json, words: ['a', '<pad>'] })).toThrow('received "<pad>"')
    expect(() => Vocabulary.fromJSON({ ...json, words: ['a', 3] })).toThrow('vocabulary.words.1 is wrong')
    expect(() => Vocabulary.fromJSON({ ...json, version: 2 })).toThrow('vocabulary.version is wrong')
    expect(() => Vocabulary.build([], { minimumCount: 1, styles: [] })).toThrow('vocabulary.styles is wrong')
  })
})
