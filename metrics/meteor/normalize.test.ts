import fc from 'fast-check'
import { expect, test } from 'vitest'
import observed from './fixtures/normalized.json' with { type: 'json' }
import { normalize } from './normalize.js'

test.each(observed as [string, string][])('%j becomes the words of METEOR', (sentence, words) => {
  expect(normalize(sentence).join(' ')).toBe(words)
})

test('no input gives an empty word or one with a space', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (sentence) => {
      for (const word of normalize(sentence)) expect(word).toMatch(/^\S+$/u)
    }),
  )
})

test('a plain sentence is its words', () => {
  const word = fc.stringMatching(/^[a-z0-9]{1,6}$/)
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), (words) => {
      expect(normalize(words.join(' '))).toEqual(words)
    }),
  )
})
