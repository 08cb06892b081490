import { expect, test } from 'vitest'
import { FUNCTION_WORDS, isContentWord } from './function-words.js'

test('what a photo shows is content, the glue between is not', () => {
  const words =
    "a man 's two dogs are standing next to the red-haired girl in front of café 12 -lrb- n't - ".split(' ')
  expect(words.filter(isContentWord)).toEqual(['man', 'dogs', 'standing', 'red-haired', 'girl', 'café'])
})

test('the list is lower case and holds no empty word', () => {
  for (const word of FUNCTION_WORDS) {
    expect(word).toBe(word.toLowerCase())
    expect(word).not.toBe('')
  }
})

test('no word, punctuation and lone surrogates are not content', () => {
  for (const word of ['', ' ', '.', '??', '\ud800', '…', '-rrb-']) expect(isContentWord(word)).toBe(false)
})
