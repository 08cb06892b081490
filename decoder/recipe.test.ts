import { expect, it } from 'vitest'
import { settled, trainingConfigSchema } from './recipe.js'

it.each([
  [4160, 150],
  [1500, 150],
  [1499, 149],
  [20, 2],
  [9, 0],
])('of %i steps %i are warm-up where nothing is said of it, and else what is said', (steps, warmUpSteps) => {
  const silent = trainingConfigSchema.parse({ seed: 7 })
  expect(settled(silent, steps)).toEqual({ ...silent, warmUpSteps })
  expect(settled({ ...silent, warmUpSteps: undefined }, steps)).toEqual({ ...silent, warmUpSteps })
  expect(settled({ ...silent, warmUpSteps: 300 }, steps).warmUpSteps).toBe(300)
})

it('keeps the fields in their order, in which bundles have them', () => {
  const names = Object.keys(trainingConfigSchema.shape)
  const full = { ...trainingConfigSchema.parse({}), fineTuneEncoder: 1, encoderLearningRate: 1 }
  expect(Object.keys(settled(full, 1000))).toEqual(names)
})
