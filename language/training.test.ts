import { tmpdir } from 'node:os'
import { expect, it } from 'vitest'
import { recipeSchema, type Task, Training } from './training.js'

const task: Task = { parameters: [], learn: () => expect.unreachable(), validate: () => 0 }

it.each([
  [1900, 100],
  [40, 4],
])('of %i steps %i are warm-up where nothing is said of it, and else what is said', (steps, warmUpSteps) => {
  const recipe = recipeSchema.parse({ steps, learningRate: 1 })
  const recipeOf = (given: typeof recipe) => new Training(task, given, tmpdir(), {}).recipe
  expect(recipeOf(recipe)).toEqual({ ...recipe, warmUpSteps })
  expect(recipeOf({ ...recipe, warmUpSteps: 300 })).toEqual({ ...recipe, warmUpSteps: 300 })
  expect(Object.keys(recipeOf(recipe))).toEqual(Object.keys(recipeSchema.shape))
})
