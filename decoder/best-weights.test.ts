import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../engine/use-backend.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { CONFIG, openTrainings, run, type Trainings, VALIDATION } from './fixtures/trainings.js'
import { trainingConfigSchema } from './recipe.js'

const folder = temporaryFolder('best-weights')
let trainings: Trainings
beforeAll(async () => {
  await useBackend('cpu')
  trainings = openTrainings(folder)
})
afterAll(() => trainings.close())

describe('with one photo to validate with, of which CIDEr-D is always 0', () => {
  const config = trainingConfigSchema.parse({ ...CONFIG, epochs: 6, learningRate: 0.1 })
  const one = { config, validation: VALIDATION.slice(0, 1) }

  it('keeps the weights of the lowest loss', async () => {
    const training = trainings.trainingIn('one', one)
    const epochs = (await run(training, 18)).flatMap(({ step, validationLoss: loss }) =>
      loss === undefined ? [] : [{ step, loss }],
    )
    const lowest = epochs.reduce((a, b) => (b.loss < a.loss ? b : a))
    expect(lowest.step).toBeGreaterThan(3)
    expect(training.best()).toMatchObject({ ...lowest, cider: 0 })
  })

  it('goes on from an interruption with the loss that it has to be under', async () => {
    await run(trainings.trainingIn('one-stopped', one), 9)
    const resumed = trainings.trainingIn('one-stopped', one)
    await resumed.resume()
    const { loss } = resumed.best()
    const after = await run(resumed, 12)
    // Or keeping the later one would be right.
    expect(after.at(-1)!.validationLoss).toBeGreaterThan(loss)
    expect(resumed.best()).toMatchObject({ step: 9, loss })
  })
})
