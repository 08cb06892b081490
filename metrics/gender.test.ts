import { expect, test } from 'vitest'
import { gendersOf, scoreGender } from './gender.js'

const words = (caption: string): string[] => caption.split(' ')

test('genders by nouns and pronouns', () => {
  expect([...gendersOf(words('a woman and her son'))]).toEqual(['women', 'men'])
  expect(gendersOf(words('a person with a manly cap')).size).toBe(0)
})

test('supported, contrary and unfounded words against the references', () => {
  const scores = scoreGender(
    ['a man', 'a man', 'a man', 'a person', 'a boy and a girl'].map(words),
    [['a man', 'a person'], ['a woman'], ['a skier'], ['a woman'], ['a girl', 'a boy']].map((captions) =>
      captions.map(words),
    ),
  )
  expect(scores).toEqual({
    gendered: 4 / 5,
    supported: 2 / 4,
    contrary: 1 / 4,
    unfounded: 1 / 4,
    named: { women: 1, men: 4 },
    referenced: { women: 3, men: 2 },
  })
})

test('an empty set', () => {
  expect(scoreGender([], [])).toMatchObject({ gendered: 0, supported: 0 })
})
