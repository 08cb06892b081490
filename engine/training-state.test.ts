import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { AdamW } from './optimiser.js'
import { dataSum, restoreState, saveState } from './training-state.js'

const folder = temporaryFolder('training-state')
const at = (name: string): string => join(folder, name, 'state.safetensors')

const optimiser = (): AdamW => {
  const rates = { learningRate: 0.1, warmUpSteps: 0, totalSteps: 9, averageDecay: 0.5 }
  const options = { ...rates, weightDecay: 0, betas: [0.9, 0.99], clipNorm: 1 } as const
  return new AdamW(options, { w: Float32Array.of(1, 2) }, [{ name: 'w', shape: [2] }])
}
const BEGUN = { data: 'one', model: { cell: 'gru', labels: ['a', 'b'] }, steps: 9 }

it('goes on with what it was begun with, in whatever order, and tells what is another now', async () => {
  const before = optimiser()
  before.update({ w: Float32Array.of(3, 4) })
  await saveState(at('new'), before, BEGUN)
  const after = optimiser()
  const { data, ...rest } = BEGUN
  await restoreState(at('new'), after, { ...rest, data })
  expect(after.step).toBe(1)
  expect(after.state).toEqual(before.state)
  for (const [change, message] of [
    [{ data: 'other' }, `data "one", as it was begun, for ${at('new')} but received "other"`],
    [{ steps: undefined }, `steps 9, as it was begun, for ${at('new')} but received undefined`],
    [{ more: 1 }, `more none, as it was begun, for ${at('new')} but received 1`],
    [
      { model: { cell: 'rnn', labels: ['a', 'b'] } },
      `cell "gru", as it was begun, for ${at('new')} but received "rnn"`,
    ],
    [
      { model: { cell: 'gru', labels: ['b', 'a'] } },
      `labels ["a","b"], as it was begun, for ${at('new')} but received ["b", "a"]`,
    ],
  ] as const) {
    const own = optimiser()
    await expect(restoreState(at('new'), own, { ...BEGUN, ...change })).rejects.toMatchObject({
      code: 'INVALID_BUNDLE',
      message: `Expected ${message}; another --out, or this one without ${dirname(at('new'))}, begins anew`,
    })
    expect(own.step).toBe(0)
  }
})

it('says of sums what they are of, in place of their digits', async () => {
  const begun = { ...BEGUN, data: dataSum('one'), from: 'none', encoder: dataSum('weights') }
  await saveState(at('sums'), optimiser(), begun)
  for (const [change, message] of [
    [{ data: dataSum('other') }, 'the same data (captions, photos or texts) as it was begun with'],
    [{ encoder: dataSum('other') }, 'the same encoder as it was begun with'],
    [{ from: dataSum('bundle') }, 'from "none", as it was begun,'],
  ] as const)
    await expect(restoreState(at('sums'), optimiser(), { ...begun, ...change })).rejects.toThrow(
      `Expected ${message} for ${at('sums')} but received "something else"; another --out`,
    )
})
