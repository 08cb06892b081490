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

test.each([
  // Who does something with a thing: nobody has named the thing.
  ['baseball players on a field', ['person']],
  ['a bus driver', ['person']],
  ['a tennis player swings a racket', ['person', 'racket']],
  ['two football teams and a soccer player', ['person']],
  ['a mountain biker', ['person']],
  ['a cowboy in a cowboy hat', ['person', 'hat']],
  // People by other words, a gendered one among them.
  ['someone and his friends', ['person']],
  ['a bicyclist passes motorcyclists', ['person']],
  ['two females with a male', ['person']],
  ['a mother kisses her daughter', ['person']],
  ['a skater watches the goalie', ['person']],
  // What is said of people is said of animals and vehicles, too, and names nobody then.
  ['a baby elephant standing next to an adult elephant', ['elephant']],
  ['baby geese and female goats', ['bird', 'goat']],
  ['a puppy and its mother', ['dog']],
  ['an adult polar bear', ['bear']],
  ['a passenger train passes passenger buses', ['train', 'bus']],
  ['a passenger looks at a passenger jet', ['person', 'airplane']],
  // The first of two words says of what kind the second is.
  ['a batter at home plate', ['person']],
  ['license plates and glass plates', ['plate']],
  ['a man on a jet ski', ['person', 'boat']],
  ['a train car behind a car', ['train', 'car']],
  ['a passenger train car', ['train']],
  ['a mountain bike', ['bicycle']],
  ['laptop computers and a computer', ['laptop', 'computer']],
  ['glass vases on lawn chairs', ['vase', 'chair']],
  ['a chili dog', ['hot dog']],
  // Some hide a thing, but are one themselves.
  ['a wine bottle on a pool table', ['bottle', 'table']],
  ['a clock tower', ['clock', 'tower']],
  ['a shower curtain at a glass window', ['curtain', 'window']],
  ['cook books in a book case', ['book', 'shelf']],
  ['a team of dogs and a couple of cats', ['dog', 'cat']],
  // Written apart.
  ['skate boards and a snow board', ['skateboard', 'snowboard']],
])('people, and things of two words: %s', (caption, objects) => expect(named(caption)).toEqual(objects))

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
