import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { TrainingLog } from './train-log.js'

const bar = vi.hoisted(() => ({ update: vi.fn(), stop: vi.fn() }))
vi.mock('./progress.js', () => ({ progressBar: () => bar }))

const folder = temporaryFolder('train-log')
const file = join(folder, 'log.jsonl')

const doesNothing = async (): Promise<void> => {}

it('is taken back to a step, without what was being written', async () => {
  const lines = [1, 2, 3].map((step) => `{"step":${step},"loss":1}\n`)
  await writeFile(file, `${lines.join('')}{"step":`)
  await new TrainingLog(folder).follow(2, doesNothing)
  expect(await readFile(file, 'utf8')).toBe(lines.slice(0, 2).join(''))
})

it.each(['{"step":2,', 'null', '{"loss":1}'])('names a line that is none of its own: %s', async (line) => {
  await writeFile(file, `{"step":1,"loss":1}\n${line}\n`)
  await expect(new TrainingLog(folder).follow(1, doesNothing)).rejects.toMatchObject({
    code: 'INVALID_DATA',
    message: expect.stringContaining(`${file}:2 but received`),
  })
})

it('has the steps of a training that fails up to there, and takes its bar from the terminal', async () => {
  await rm(file)
  const step = { step: 1, totalSteps: 2, loss: 1, gradientNorm: 1, learningRate: 0.1 }
  const fails = new TrainingLog(folder).follow(0, async (add) => {
    await add(step)
    expect(bar.stop).not.toHaveBeenCalled()
    throw new Error('a loss that is none')
  })
  await expect(fails).rejects.toThrow('a loss that is none')
  expect(await readFile(file, 'utf8')).toBe(`${JSON.stringify(step)}\n`)
  expect(bar.stop).toHaveBeenCalledOnce()
})
