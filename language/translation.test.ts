import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { isHeldOut } from '../data/splits.js'
import { backends, tensorCount } from '../engine/fixtures/backends.js'
import { differentiate, evaluate, expectGradients, keptTensors } from '../engine/fixtures/differences.js'
import { drawn, scaled } from '../engine/fixtures/values.js'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { Characters } from './characters.js'
import type { Pair } from './dates.js'
import { enlarged } from './fixtures/enlarged.js'
import { dateLessons, pairLessons, readPairs } from './pairs.js'
import { recipeSchema, Training } from './training.js'
import { TranslationTask, translate, translationLoss } from './translation.js'
import { Translator, type TranslatorConfig, translatorConfigSchema } from './translator.js'
import { readTranslatorBundle, writeTranslatorBundle } from './translator-bundle.js'

const alphabets = {
  source: new Characters(['a', 'b', 'c', 'd'], 1),
  target: new Characters(['A', 'B', 'C', 'D'], 2),
}
const PAIRS: Pair[] = [
  { source: 'abcd', target: 'DC' },
  { source: 'ddca', target: 'ABCD' },
  { source: 'bbba', target: 'A' },
]

const tiny = (config: Partial<TranslatorConfig>): Translator =>
  new Translator(
    translatorConfigSchema.parse({
      units: 4,
      embeddingSize: 3,
      attentionUnits: 3,
      sources: alphabets.source.size,
      targets: alphabets.target.size,
      ...config,
    }),
  )

const VARIANTS: Partial<TranslatorConfig>[] = [
  { cell: 'gru', attention: 'additive' },
  { cell: 'lstm', attention: 'dot', layers: 2, connection: 'residual' },
  { cell: 'gru', attention: 'none' },
]

describe.each(backends)('a translator on %s', (backend) => {
  beforeAll(() => useBackend(backend))

  it.each(VARIANTS)('has the gradient that central differences give: $cell, $attention', (config) => {
    const model = tiny(config)
    const dropout = { dropout: 0.3, seed: 1, step: 2 }
    expectGradients(
      drawn(model.parameters),
      (ops, weights) => translationLoss(ops, model, alphabets, weights, PAIRS, dropout),
      { directions: 1 },
    )
  })

  it('judges each token of each pair alike: a batch is the mean of its pairs, by their tokens', () => {
    for (const config of VARIANTS) {
      const model = tiny(config)
      const weights = enlarged(model.parameters, 2)
      const lossOf = (pairs: readonly Pair[]) =>
        evaluate(weights, (ops, held) => translationLoss(ops, model, alphabets, held, pairs))
      const sum = PAIRS.reduce((total, pair) => total + lossOf([pair]) * (pair.target.length + 1), 0)
      expect(lossOf(PAIRS)).toBeCloseTo(sum / 10, 4)
    }
  })

  it('says of a translation what teacher forcing says of it, and looks somewhere at each character', async () => {
    const ops = new TensorFlowOps()
    for (const config of VARIANTS) {
      const model = tiny(config)
      const weights = enlarged(model.parameters, 2)
      const before = tensorCount()
      const held = keptTensors(ops, weights)
      const texts = ['abcd', 'da', 'ccab', 'b']
      const found = await translate(ops, model, alphabets, held, texts, { beamSize: 3, maxLength: 6 })
      for (const wrong of [
        { beamSize: 0, maxLength: 6 },
        { beamSize: 1.5, maxLength: 6 },
      ])
        await expect(translate(ops, model, alphabets, held, texts, wrong)).rejects.toThrow('for beamSize')
      ops.dispose(Object.values(held))
      expect(tensorCount(), 'tensors alive').toBe(before)
      for (const [i, { text, logProb, alignment }] of found.entries()) {
        // At the longest it ends whatever the chance of the end; both sides count it.
        const pair = { source: texts[i]!, target: text }
        const loss = evaluate(weights, (o, w) => translationLoss(o, model, alphabets, w, [pair]))
        expect(-logProb).toBeCloseTo(loss * (text.length + 1), 3)
        if (config.attention === 'none') {
          expect(alignment).toBeUndefined()
          continue
        }
        expect(alignment ?? []).toHaveLength(text.length)
        for (const row of alignment ?? []) {
          expect(row).toHaveLength(texts[i]!.length)
          expect(row.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5)
        }
      }
    }
  })

  it('translates each text as if it were alone', async () => {
    const ops = new TensorFlowOps()
    const model = tiny({})
    const held = keptTensors(ops, enlarged(model.parameters, 2))
    const texts = ['abcd', 'dcba', 'aa', 'bbbb']
    const options = { beamSize: 2, maxLength: 5 }
    const together = await translate(ops, model, alphabets, held, texts, options)
    for (const [i, text] of texts.entries()) {
      const [alone] = await translate(ops, model, alphabets, held, [text], options)
      expect(together[i]!.text).toBe(alone!.text)
      expect(together[i]!.logProb).toBeCloseTo(alone!.logProb, 4)
    }
    ops.dispose(Object.values(held))
  })
})

describe('without attention', () => {
  it('the source is known by the state that the decoder begins with alone', async () => {
    await useBackend('cpu')
    const model = tiny({ attention: 'none' })
    const weights = enlarged(model.parameters, 2)
    for (const name of Object.keys(weights))
      if (name.startsWith('initial.')) weights[name] = scaled(0, weights[name]!)
    const lossOf = (source: string) =>
      evaluate(weights, (ops, held) =>
        translationLoss(ops, model, alphabets, held, [{ source, target: 'AB' }]),
      )
    expect(lossOf('abcd')).toBe(lossOf('dcba'))
    const { gradients } = differentiate(weights, (ops, held) =>
      translationLoss(ops, model, alphabets, held, PAIRS),
    )
    expect(gradients['decoder.w']!.some((value) => value !== 0)).toBe(true)
  })
})

describe('validation', () => {
  it('takes no more than 256 pairs at once, and each token counts alike', async () => {
    await useBackend('cpu')
    const rows: number[] = []
    class Watched extends TensorFlowOps {
      override input(data: Float32Array | Int32Array, shape: readonly number[]): Tensor {
        if (shape.length === 2) rows.push(shape[0]!)
        return super.input(data, shape)
      }
    }
    const pairs = Array.from({ length: 300 }, (_, i) => PAIRS[i < 256 ? i % 2 : 2]!)
    const model = tiny({})
    const weights = enlarged(model.parameters, 2)
    const ops = new Watched()
    const held = keptTensors(new TensorFlowOps(), weights)
    const lessons = { batch: () => pairs, validation: pairs, test: pairs }
    const loss = new TranslationTask(model, alphabets, lessons, { dropout: 0, seed: 1 }).validate(ops, held)
    ops.dispose(Object.values(held))
    expect(Math.max(...rows)).toBe(256)
    const whole = evaluate(weights, (o, w) => translationLoss(o, model, alphabets, w, pairs))
    expect(loss).toBeCloseTo(whole, 4)
  })
})

describe('lessons', () => {
  it('of dates are of one length, never of held-out days, the same at the same step', () => {
    const lessons = dateLessons(16, 5)
    const held = new Set([...lessons.validation, ...lessons.test].map(({ target }) => target))
    expect(held.size).toBe(2500)
    for (let step = 0; step < 40; step++) {
      const batch = lessons.batch(step)
      expect(batch).toEqual(lessons.batch(step))
      expect(new Set(batch.map(({ source }) => source.length)).size).toBe(1)
      expect(batch.length).toBeLessThanOrEqual(16)
      for (const { target } of batch) expect(held.has(target)).toBe(false)
    }
  })

  it('of pairs are of one length, and of those that are not held out', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '😀'), minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(
        fc.uniqueArray(text, { minLength: 40, maxLength: 60 }),
        fc.integer({ min: 1, max: 9 }),
        (sources, size) => {
          const held = sources.filter((id) => isHeldOut({ id }))
          fc.pre(held.length > 0 && held.length < sources.length)
          const pairs = sources.map((source) => ({ source, target: source }))
          const lessons = pairLessons(pairs, size, 1)
          const test = new Set(lessons.test)
          for (let step = 0; step < 10; step++) {
            const batch = lessons.batch(step)
            expect(new Set(batch.map(({ source }) => Array.from(source).length)).size).toBe(1)
            expect(new Set(batch).size).toBe(batch.length)
            expect(batch.length).toBeLessThanOrEqual(size)
            for (const pair of batch) expect(test.has(pair)).toBe(false)
          }
        },
      ),
    )
  })
})

describe('on disk', () => {
  const folder = temporaryFolder('translator')
  beforeAll(() => useBackend('cpu'))

  it('pairs are lines with a tab, and a line that is none is named', async () => {
    const file = join(folder, 'pairs.tsv')
    await writeFile(file, '\uFEFFab\tBA\tnote\r\n\r\nc\tC\n')
    expect(await readPairs(file)).toEqual([
      { source: 'ab', target: 'BA' },
      { source: 'c', target: 'C' },
    ])
    await writeFile(file, 'ab\tBA\nabc\n')
    await expect(readPairs(file)).rejects.toThrow('pairs.tsv line 2 but received "abc"')
    await writeFile(file, '\n')
    await expect(readPairs(file)).rejects.toMatchObject({ code: 'INVALID_DATA' })
    await expect(readPairs(join(folder, 'none'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('learns to turn words round, and says the same from its bundle', async () => {
    const letters = ['a', 'b', 'c']
    const sources = letters.flatMap((a) => letters.flatMap((b) => letters.map((c) => a + b + c)))
    const pairs = sources.map((source) => ({
      source,
      target: Array.from(source).toReversed().join('').toUpperCase(),
    }))
    const lessons = { batch: () => pairs, validation: pairs, test: pairs }
    const model = tiny({ units: 16, embeddingSize: 8, attentionUnits: 8 })
    const recipe = recipeSchema.parse({ steps: 80, learningRate: 0.03, warmUpSteps: 5, averageDecay: 0.8 })
    const task = new TranslationTask(model, alphabets, lessons, recipe)
    const before = tensorCount()
    const training = new Training(task, recipe, join(folder, 'run'), {})
    await training.run(() => {})
    expect(tensorCount(), 'tensors alive').toBe(before)
    expect(training.result.loss).toBeLessThan(0.1)
    const path = join(folder, 'bundle')
    const content = { model, alphabets, maxLength: 6, data: 'pairs', training: {} } as const
    await writeTranslatorBundle(path, { ...content, weights: training.result.weights })
    const bundle = await readTranslatorBundle(path)
    const ops = new TensorFlowOps()
    const held = ops.tensors(bundle.model.parameters, (name) => bundle.weights.float32(name).data)
    const found = await translate(ops, bundle.model, bundle.alphabets, held, sources, {
      beamSize: 2,
      maxLength: bundle.maxLength,
    })
    ops.dispose(Object.values(held))
    expect(found.map(({ text }) => text)).toEqual(pairs.map(({ target }) => target))

    const { model: stored } = JSON.parse(await readFile(join(path, 'config.json'), 'utf8')) as {
      model: { characters: { source: string[] } }
    }
    const twice = structuredClone(stored)
    twice.characters.source[1] = 'a'
    stored.characters.source.push('x')
    const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8')) as object
    await writeFile(join(path, 'config.json'), JSON.stringify({ ...config, model: stored }))
    await expect(readTranslatorBundle(path)).rejects.toMatchObject({
      code: 'INVALID_BUNDLE',
      message: expect.stringContaining(
        `Expected ${model.config.sources} and ${model.config.targets} characters for ${path}`,
      ),
    })
    await writeFile(join(path, 'config.json'), JSON.stringify({ ...config, model: twice }))
    await expect(readTranslatorBundle(path)).rejects.toMatchObject({
      code: 'INVALID_BUNDLE',
      where: join(path, 'config.json'),
      message: expect.stringContaining('characters.source: every character may come once'),
    })
  })
})
