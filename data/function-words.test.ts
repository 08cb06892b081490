import { expect, test } from 'vitest'
import { breaksOff, FUNCTION_WORDS, isContentWord, isDangling } from './function-words.js'

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

test('what calls for another word dangles, what may come last does not', () => {
  expect('a man sitting in next to and is his'.split(' ').filter(isDangling)).toEqual([
    'a',
    ...'in next to and is his'.split(' '),
  ])
  expect('on her another outside together it him'.split(' ').filter(isDangling)).toEqual([])
  expect(isDangling('')).toBe(false)
})

test.each([
  ['a man sitting in a', true],
  ['a boy in front of a red and white', true],
  ['a large white', true],
  ['a man in a red and white shirt', false],
  ['a photo in black and white', false],
  ['a dog next to an orange', false],
  ['two women dressed in the red', false],
  ['a man and a dog', false],
  ['', false],
])('of "%s" it is %s that it breaks off', (caption, broken) => {
  expect(breaksOff(caption.split(' '))).toBe(broken)
})
