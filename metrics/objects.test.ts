import { expect, test } from 'vitest'
import { objectsOf, scoreObjects } from './objects.js'

const words = (caption: string): string[] => caption.split(' ')

test.each([
  ['two men ride horses past a parked car', ['person', 'horse', 'car']],
  ['a teddy bear eats a hot dog', ['teddy bear', 'hot dog']],
  ['a train station with a bench', ['bench']],
  ['a kitten and a cat', ['cat']],
  ['knives and puppies on the bunk beds', ['knife', 'dog', 'bed']],
  ['something red', []],
])('objects of "%s"', (caption, objects) => expect(objectsOf(words(caption))).toEqual(objects))

test('what no reference names is unsupported, what most name and the caption does not is missed', () => {
  const scores = scoreObjects(
    [words('a man with a dog and a kite'), words('a cat sleeps')],
    [
      [words('a boy on a beach'), words('a puppy and a child on the beach')],
      [words('a kitten on a bed'), words('a sleeping cat')],
    ],
  )
  expect(scores.perImage).toEqual([
    { found: ['person', 'dog'], agreed: ['person', 'dog'], unsupported: ['kite'], missed: ['beach'] },
    { found: ['cat'], agreed: ['cat'], unsupported: [], missed: ['bed'] },
  ])
  expect(scores).toMatchObject({ unsupportedObjects: 1 / 4, unsupportedCaptions: 1 / 2, found: 3 / 5 })
})

test('what one of five names is supported, but not what most name', () => {
  const references = ['a dog with a ball', 'a dog', 'a dog runs', 'the dog', 'a dog on grass'].map(words)
  const scores = scoreObjects([words('a ball')], [references])
  expect(scores.perImage).toEqual([{ found: ['ball'], agreed: [], unsupported: [], missed: ['dog'] }])
  expect(scores).toMatchObject({ unsupportedObjects: 0, unsupportedCaptions: 0, found: 0 })
})

test('nothing named, nothing to share', () => {
  expect(scoreObjects([[]], [[['hello']]])).toMatchObject({
    unsupportedObjects: 0,
    unsupportedCaptions: 0,
    found: 0,
  })
  expect(scoreObjects([], [])).toMatchObject({ unsupportedObjects: 0, found: 0 })
})
