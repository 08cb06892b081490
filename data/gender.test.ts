import { expect, test } from 'vitest'
import { MEN, WOMEN, withoutGender } from './gender.js'

test('a gendered word becomes a neutral one, or none where none fits', () => {
  expect('a man rides his horse'.split(' ').map(withoutGender)).toEqual([
    'a',
    'person',
    'rides',
    'their',
    'horse',
  ])
  expect(['ladies', 'boy', 'she', 'groom', 'policeman'].map(withoutGender)).toEqual([
    'people',
    'child',
    undefined,
    undefined,
    undefined,
  ])
})

test('what comes out names no gender, and neutral words stay', () => {
  for (const word of [...WOMEN, ...MEN]) {
    const neutral = withoutGender(word)
    expect(neutral).not.toBe(word)
    if (neutral !== undefined) expect(withoutGender(neutral)).toBe(neutral)
  }
})

test('a neutral word needs the article of the one it stands for', () => {
  for (const word of [...WOMEN, ...MEN]) {
    const neutral = withoutGender(word)
    if (neutral !== undefined) expect(/^[aeiou]/.test(neutral)).toBe(/^[aeiou]/.test(word))
  }
})
