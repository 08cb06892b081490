import { expect, it } from 'vitest'
import { trainingSteps } from './training-steps.js'

const first = { data: 'photos', epochs: 3 }
const second = { name: 'two', seed: 2, 'begun with': { name: 'one', ...first } }
const mean = { 'mean of': [{ name: 'one', ...first }, second] }

it('tells each training once, after what it went on from', () => {
  const { name: _, ...stated } = second
  expect(trainingSteps(first)).toEqual([{ from: [], settings: first }])
  expect(trainingSteps(stated)).toEqual([
    { from: [], settings: first },
    { from: [1], settings: { seed: 2 } },
  ])
  const last = {
    'mean of': [
      { name: 'mean', ...mean },
      { name: 'three', seed: 3, 'begun with': mean },
    ],
  }
  expect(trainingSteps(last)).toEqual([
    { from: [], settings: first },
    { from: [1], settings: { seed: 2 } },
    { from: [1, 2], settings: {} },
    { from: [3], settings: { seed: 3 } },
    { from: [3, 4], settings: {} },
  ])
})

it('takes the same bundle twice in a mean for one step, and counts it twice', () => {
  expect(trainingSteps({ 'mean of': [first, first, second] }).at(-1)).toEqual({
    from: [1, 1, 2],
    settings: {},
  })
})

it('knows of nothing before a bundle that states nothing', () => {
  expect(trainingSteps({})).toEqual([{ from: [], settings: {} }])
})
