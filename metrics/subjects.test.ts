import { expect, test } from 'vitest'
import { parseGroups } from './object-groups.js'
import { scoreSubjects } from './subjects.js'

const words = (caption: string): string[] => caption.split(' ')
const SUBJECTS = parseGroups('# two and a disguise\ndog puppy\n\nteddy_bear teddy\n=hot_dog\n')

const score = (photos: readonly (readonly [string, readonly string[]])[]) =>
  scoreSubjects(
    photos.map((_, i) => String(i)),
    photos.map(([candidate]) => words(candidate)),
    photos.map(([, references]) => references.map(words)),
    SUBJECTS,
  )

test('of the photos whose subject three references name, the captions that name it, and every miss', () => {
  const dogs = ['a dog', 'two puppies', 'dogs and a dog', 'a lawn']
  expect(
    score([
      ['a puppy runs', dogs],
      ['a cat runs', dogs],
      // Two references: nobody knows what the photo is of.
      ['a cat runs', dogs.slice(1)],
      // A hot dog is no dog, in captions and references.
      ['a hot dog', dogs],
      ['a plate', ['hot dogs', 'a hot dog', 'a hot dog']],
      ['teddies', ['a teddy bear', 'teddy bears', 'a teddy']],
    ]),
  ).toEqual({
    dog: { photos: 3, named: 1, missed: ['1', '3'] },
    'teddy bear': { photos: 1, named: 1, missed: [] },
  })
})

test('the words of a subject are compared in small letters', () => {
  const references = ['a dog', 'two puppies', 'a dog runs'].map(words)
  expect(scoreSubjects(['1'], [words('a puppy')], [references], parseGroups('Dog Puppy'))).toEqual({
    dog: { photos: 1, named: 1, missed: [] },
  })
})

test('a subject without photos', () => {
  expect(score([])).toEqual({
    dog: { photos: 0, named: 0, missed: [] },
    'teddy bear': { photos: 0, named: 0, missed: [] },
  })
})
