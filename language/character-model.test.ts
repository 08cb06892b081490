import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { backends, tensorCount } from '../engine/fixtures/backends.js'
import { differentiate, expectGradients, keptTensors } from '../engine/fixtures/differences.js'
import { drawn } from '../engine/fixtures/values.js'
import { initialize } from '../engine/initialize.js'
import { sizeOf } from '../engine/ops.js'
import { TensorFlowOps } from '../engine/tensorflow.js'
import type { StepEvent } from '../engine/training-state.js'
import { useBackend } from '../engine/use-backend.js'
import { Random } from '../random.js'
import { pieceGradients, tensorsOf } from '../rnn/truncated.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import {
  type CharacterConfig,
  CharacterModel,
  characterConfigSchema,
  MODELS,
  ofSize,
} from './character-model.js'
import { CharacterTask } from './character-task.js'
import { Characters } from './characters.js'
import { enlarged } from './fixtures/enlarged.js'
import { Rows, textLoss, textNats } from './text-loss.js'
import { recipeSchema, Training } from './training.js'

const tiny = (config: Partial<CharacterConfig>) =>
  new CharacterModel(
    characterConfigSchema.parse({ layers: 1, units: 4, embeddingSize: 3, vocabularySize: 5, ...config }),
  )

const drawnText = (length: number, vocabulary = 5): Int32Array => {
  const random = new Random('text')
  return Int32Array.from({ length }, () => random.below(vocabulary))
}

describe('a character model', () => {
  it('of a size asked for has about as many parameters, whatever it is', () => {
    for (const model of MODELS) {
      const { config } = tiny({ model, layers: 2, vocabularySize: 65, embeddingSize: 16 })
      const size = sizeOf(ofSize(config, 100_000).parameters)
      expect(Math.abs(size / 100_000 - 1), model).toBeLessThan(0.01)
    }
  })

  it('without memory has no layers to connect but plainly', () => {
    expect(() => tiny({ model: 'window-3', layers: 2, connection: 'residual' })).toThrow(
      'Expected plain for connection of window-3 but received "residual"',
    )
    for (const model of MODELS) expect(tiny({ model, layers: 2 }).config.connection).toBe('plain')
  })

  it('without memory sees as many characters as its name says, and one with memory sees all', async () => {
    await useBackend('cpu')
    const text = [0, 1, 2, 3, 4, 0, 1, 2]
    const after = (model: CharacterModel, ids: readonly number[]): number[] => {
      const ops = new TensorFlowOps()
      const weights = enlarged(model.parameters, 1.5)
      const tensors = keptTensors(ops, weights)
      const logProbs = ops.scope(() => {
        let state = tensorsOf(ops, model.zeros(1))
        let last = ops.constant([0], [1], 'float32')
        for (const id of ids) {
          const step = model.step(ops, tensors, ops.input(Int32Array.of(id), [1, 1]), state)
          state = step.state
          last = step.logProbs
        }
        return last
      })
      const values = [...ops.read(logProbs)]
      ops.dispose([...Object.values(tensors), logProbs])
      return values
    }
    for (const [name, seen] of [
      ['window-1', 1],
      ['window-3', 3],
      ['rnn', 8],
      ['lstm', 8],
    ] as const) {
      const model = tiny({ model: name, layers: 2 })
      const whole = after(model, text)
      for (let back = 1; back <= text.length; back++) {
        const changed = text.with(-back, (text.at(-back)! + 1) % 5)
        const same = after(model, changed).every((value, i) => value === whole[i])
        expect(same, `${name}, ${back} back`).toBe(back > seen)
      }
    }
  })
})

const VARIANTS: Partial<CharacterConfig>[] = [
  { model: 'lstm', layers: 2, connection: 'highway' },
  { model: 'gru', layers: 2 },
  { model: 'rnn' },
  { model: 'window-3', layers: 2 },
]

describe.each(backends)('reading a text on %s', (backend) => {
  beforeAll(() => useBackend(backend))

  it.each(VARIANTS)('has the gradient that central differences give: $model', (config) => {
    const model = tiny(config)
    const piece = new Rows(drawnText(40), 3, 4).piece(2)
    const start = model.zeros(3)
    for (const values of Object.values(start.values)) values.fill(0.3)
    const dropout = { dropout: 0.4, seed: 1, step: 3 }
    expectGradients(
      drawn(model.parameters),
      (ops, weights) => textLoss(ops, model, weights, piece, tensorsOf(ops, start), dropout).loss,
      { directions: 1 },
    )
  })

  it('begins with about the nats of a guess', () => {
    const model = tiny({ vocabularySize: 60, units: 16, embeddingSize: 8 })
    const values = initialize(model.parameters, 2)
    const weights = Object.fromEntries(
      model.parameters.map(({ name, shape }) => [name, { dims: shape as number[], data: values[name]! }]),
    )
    const piece = new Rows(drawnText(400, 60), 8, 12).piece(0)
    const { loss } = differentiate(
      weights,
      (ops, held) => textLoss(ops, model, held, piece, tensorsOf(ops, model.zeros(8))).loss,
    )
    expect(Math.abs(loss - Math.log(60))).toBeLessThan(0.05)
  })

  it('in one piece has the full gradient', () => {
    const model = tiny({ layers: 2 })
    const piece = new Rows(drawnText(40), 2, 9).piece(0)
    const weights = enlarged(model.parameters, 1.5)
    const full = differentiate(
      weights,
      (ops, held) => textLoss(ops, model, held, piece, tensorsOf(ops, model.zeros(2))).loss,
    )
    const ops = new TensorFlowOps()
    const before = tensorCount()
    const held = keptTensors(ops, weights)
    const one = pieceGradients(ops, held, model.zeros(2), (watched, state) =>
      textLoss(ops, model, watched, piece, state),
    )
    ops.dispose(Object.values(held))
    expect(tensorCount()).toBe(before)
    expect(one.loss).toBe(full.loss)
    expect(one.gradients).toEqual(full.gradients)
  })

  it('finds the same nats in pieces of any length, and those of one character after the other', () => {
    const ops = new TensorFlowOps()
    const text = drawnText(50)
    for (const config of VARIANTS) {
      const model = tiny(config)
      const before = tensorCount()
      const weights = keptTensors(ops, enlarged(model.parameters, 1.5))
      const nats = [1, 7, 49, 1000].map((length) => textNats(ops, model, weights, text, { rows: 1, length }))
      const slow = ops.scope(() => {
        let state = tensorsOf(ops, model.zeros(1))
        let sum = 0
        for (let i = 0; i + 1 < text.length; i++) {
          const step = model.step(ops, weights, ops.input(text.subarray(i, i + 1), [1, 1]), state)
          state = step.state
          sum -= ops.read(step.logProbs)[text[i + 1]!]!
        }
        return sum
      })
      ops.dispose(Object.values(weights))
      expect(tensorCount(), 'tensors alive').toBe(before)
      for (const value of nats) expect(value).toBeCloseTo(slow / 49, 5)
    }
  })
})

it('in several rows finds the mean of the nats of their parts', async () => {
  await useBackend('cpu')
  const ops = new TensorFlowOps()
  // The first row reads one character over and over, as no other does; no number of rows divides the 53 that are predicted.
  const text = drawnText(54).fill(3, 0, 27)
  for (const config of VARIANTS) {
    const model = tiny(config)
    const weights = keptTensors(ops, enlarged(model.parameters, 1.5))
    for (const rows of [2, 4, 7]) {
      const each = Math.floor((text.length - 1) / rows)
      const parts = Array.from({ length: rows }, (_, row) =>
        textNats(ops, model, weights, text.subarray(row * each, (row + 1) * each + 1), {
          rows: 1,
          length: 1000,
        }),
      )
      const mean = parts.reduce((sum, nats) => sum + nats, 0) / rows
      for (const length of [1, 7, 1000])
        expect(textNats(ops, model, weights, text, { rows, length }), `${rows} rows`).toBeCloseTo(mean, 5)
    }
    ops.dispose(Object.values(weights))
  }
})

describe('training a character model', () => {
  const folder = temporaryFolder('characters')
  beforeAll(() => useBackend('cpu'))

  const recipe = recipeSchema.parse({
    steps: 8,
    learningRate: 0.01,
    warmUpSteps: 2,
    validations: 4,
    dropout: 0.2,
  })
  const begin = (place: string, given = recipe, model = tiny({ layers: 2 })) => {
    const reading = { rows: 2, length: 6, ...given }
    const task = new CharacterTask(model, drawnText(100), drawnText(30), reading)
    return new Training(task, given, join(folder, place), { config: model.config, reading })
  }

  it('stopped at any step and begun again goes on bit for bit', async () => {
    const before = tensorCount()
    const events: StepEvent[] = []
    const whole = begin('whole')
    await whole.run((event) => void events.push(event))
    expect(tensorCount(), 'tensors alive').toBe(before)
    expect(events.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(events.filter(({ validationLoss }) => validationLoss !== undefined)).toHaveLength(4)

    const again: StepEvent[] = []
    for (const stop of [3, 5, 8]) {
      const part = begin('parts')
      expect(await part.resume()).toBe(stop !== 3)
      const controller = new AbortController()
      await part.run((event) => {
        again.push(event)
        if (event.step === stop) controller.abort()
      }, controller.signal)
    }
    expect(again).toEqual(events)
    const end = begin('parts')
    expect(await end.resume()).toBe(true)
    expect(end.weights).toEqual(whole.weights)
    expect(end.result).toEqual(whole.result)
    expect(end.result.loss).toBe(Math.fround(Math.min(...events.map((event) => event.validationLoss ?? 9))))
  })

  it.each([
    [7, 4, [2, 4, 6, 7]],
    [3, 10, [1, 2, 3]],
  ])('of %i steps validates %i times at most, after %j', async (steps, validations, wanted) => {
    const events: StepEvent[] = []
    const training = begin(`due-${steps}`, { ...recipe, steps, validations })
    await training.run((event) => void events.push(event))
    const validated = events.filter(({ validationLoss }) => validationLoss !== undefined)
    expect(validated.map(({ step }) => step)).toEqual(wanted)
  })

  it('refuses the state of another recipe', async () => {
    const first = begin('other')
    const controller = new AbortController()
    await first.run(() => controller.abort(), controller.signal)
    await expect(begin('other', { ...recipe, learningRate: 0.02 }).resume()).rejects.toMatchObject({
      code: 'INVALID_BUNDLE',
    })
  })

  it('learns a short text by heart', async () => {
    const characters = Characters.of(['The cat sat on the mat. '])
    const text = characters.encode('The cat sat on the mat. '.repeat(4))
    const model = tiny({ vocabularySize: characters.size, units: 24, embeddingSize: 8 })
    const learnt = recipeSchema.parse({ steps: 90, learningRate: 0.03, warmUpSteps: 5, averageDecay: 0.8 })
    const task = new CharacterTask(model, text, text, { rows: 2, length: 16, ...learnt })
    const training = new Training(task, learnt, join(folder, 'heart'), {})
    await training.run(() => {})
    expect(training.result.loss).toBeLessThan(0.1)
  })
})
