import { expect, test } from 'vitest'
import { OBJECT_GROUPS, parseGroups } from './object-groups.js'
import { objectsOf } from './objects.js'

const named = (caption: string): string[] => objectsOf(caption.split(' '))

test.each([
  ['buses and boxes', ['bus', 'box']],
  ['benches couches beaches churches sandwiches', ['bench', 'couch', 'beach', 'church', 'sandwich']],
  ['toothbrushes fishes', ['toothbrush', 'fish']],
  ['potatoes tomatoes flamingoes', ['potato', 'tomato', 'bird']],
  ['skis kites planes', ['ski', 'kite', 'airplane']],
  ['mattresses', ['bed']],
  ['wine glasses', ['glass']],
  ['dresses', ['dress']],
  ['knives calves shelves geese oxen', ['knife', 'cow', 'shelf', 'bird']],
  ['ponies ladies monkeys', ['horse', 'person', 'monkey']],
  ['two computer mice and mice', ['mouse']],
])('plurals: %s', (caption, objects) => expect(named(caption)).toEqual(objects))

test.each([
  'cloudy skies',
  'ice cubes',
  'tubes',
  'capes',
  'vanes',
  'who cares',
  'manes',
  // On the nose of whoever is in the photo.
  'glasses',
])('%s are no objects', (caption) => expect(named(caption)).toEqual([]))

test('a remark parts no group, wherever its line stands', () => {
  const animals = [
    '# animals',
    'dog puppy # not hot dogs',
    '# young',
    '  # and old',
    ' hound',
    '#',
    'cat',
    '# end',
  ]
  for (const between of ['\n', '\r\n']) {
    const groups = parseGroups(animals.join(between))
    expect(['dog', 'puppies', 'hound', 'cat'].map((name) => groups.get(name))).toEqual([
      'dog',
      'dog',
      'dog',
      'cat',
    ])
    expect([...new Set(groups.values())]).toEqual(['dog', 'cat'])
  }
})

test('a name of two groups is refused, and its file named; what is written goes before a plural', () => {
  for (const [text, name] of [
    ['vehicle car bus\ncar', 'car'],
    ['vehicle fire_truck\ntruck\nred Fire_Truck', 'fire_truck'],
    ['=hot_dog\ndog hot_dog', 'hot_dog'],
  ] as const)
    expect(() => parseGroups(text, 's.txt')).toThrow(
      `Expected each name in one group for s.txt but received "${name}"`,
    )
  expect(parseGroups('car car bus').get('cars')).toBe('car')
  for (const text of ['spectacles glasses\ncup glass', 'cup glass\nspectacles glasses'])
    expect(parseGroups(text).get('glasses')).toBe('spectacles')
  expect(OBJECT_GROUPS.get('glasses')).toBe(null)
})

test('a name that no two words can be is refused, and its file named', () => {
  const text = 'truck lorry\ndog\ncar fire_engine_truck'
  expect(() => parseGroups(text, 's.txt')).toThrow(
    'Expected names of one or two words for s.txt but received "fire_engine_truck"',
  )
  expect(() => parseGroups(text)).toThrow('Expected names of one or two words for groups but received')
})
