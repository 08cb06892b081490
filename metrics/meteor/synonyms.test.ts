import { expect, test } from 'vitest'
import { loadMeteorResources } from './resources.js'
import { indexSynonyms } from './synonyms.js'

const small = indexSynonyms({
  groups: ['bike bicycle', 'cycle bicycle', 'pass', 'fry child', 'fri', 'toe', 'to', 'man'],
  inflections: ['men man', 'boren', 'better good'],
})

test('a word has the groups of its synsets', () => {
  expect(small.groupsOf('bicycle')).toEqual([0, 1])
  expect(small.groupsOf('unknown')).toEqual([])
})

test('an inflected word has the groups of its base form', () => {
  expect(small.groupsOf('bikes')).toEqual([0])
  expect(small.groupsOf('cycling')).toEqual([1])
  expect(small.groupsOf('men')).toEqual([7])
})

test('the first ending that leaves a known word counts', () => {
  expect(small.groupsOf('fries')).toEqual([3])
  expect(small.groupsOf('toed')).toEqual([5])
})

test('an irregular form is not looked up by its ending, and ss is no ending', () => {
  expect(small.groupsOf('better')).toEqual([])
  expect(small.groupsOf('pass')).toEqual([2])
  expect(small.groupsOf('passs')).toEqual([])
})

test.each([
  ['hound', 'dogs', true],
  ['mice', 'mouse', true],
  ['better', 'good', true],
  ['attaches', 'attache', true],
  ['attaches', 'attach', false],
  ['writer', 'write', false],
  ['doggies', 'hound', false],
  ['entity', 'breathe', true],
  ['down', 'standing', true],
])('WordNet: %s and %s share a group: %s', async (a, b, share) => {
  const { synonyms } = await loadMeteorResources()
  const groups = new Set(synonyms.groupsOf(a))
  expect(synonyms.groupsOf(b).some((group) => groups.has(group))).toBe(share)
})
