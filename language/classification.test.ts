import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { Vocabulary } from '../data/vocabulary.js'
import { backends, tensorCount } from '../engine/fixtures/backends.js'
import { evaluate, expectGradients, keptTensors } from '../engine/fixtures/differences.js'
import { drawn } from '../engine/fixtures/values.js'
import { initialize } from '../engine/initialize.js'
import { TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { CELLS } from '../rnn/cells.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { ClassificationTask, classificationLoss, classify, confusionOf } from './classification.js'
import { Classifier, type ClassifierConfig, classifierConfigSchema } from './classifier.js'
import { readClassifierBundle, writeClassifierBundle } from './classifier-bundle.js'
import type { LabelledText } from './classifier-texts.js'
import { enlarged } from './fixtures/enlarged.js'
import { recipeSchema, Training } from './training.js'

const WORDS = ['a', 'b', 'c', 'd']
const vocabulary = Vocabulary.fromJSON({ version: 1, styles: ['text'], words: WORDS })
const labels = ['first', 'second', 'third']
const labelled = (text: string, label: string): LabelledText => ({ words: text.split(' '), label })
const TEXTS = [labelled('a b c d a', 'third'), labelled('d', 'first'), labelled('b unheard c', 'second')]

const tiny = (config: Partial<ClassifierConfig>): Classifier =>
  new Classifier(
    classifierConfigSchema.parse({
      units: 4,
      embeddingSize: 3,
      vocabularySize: vocabulary.size,
      labels,
      ...config,
    }),
  )

const VARIANTS: Partial<ClassifierConfig>[] = [
  { direction: 'both' },
  { direction: 'forward', cell: 'rnn' },
  { direction: 'both', cell: 'lstm', layers: 2, connection: 'residual' },
]

describe.each(backends)('a classifier on %s', (backend) => {
  beforeAll(() => useBackend(backend))

  it.each(VARIANTS)('has the gradient that central differences give: $direction, $cell', (config) => {
    const model = tiny(config)
    const dropout = { dropout: 0.3, seed: 1, step: 2 }
    expectGradients(
      drawn(model.parameters),
      (ops, weights) => classificationLoss(ops, model, vocabulary, weights, TEXTS, dropout),
      { directions: 1 },
    )
  })

  it('judges each text as if it were alone, however long those beside it are', () => {
    const ops = new TensorFlowOps()
    for (const config of VARIANTS) {
      const model = tiny(config)
      const before = tensorCount()
      const held = keptTensors(ops, enlarged(model.parameters, 2))
      const together = classify(ops, model, vocabulary, held, TEXTS)
      for (const [i, text] of TEXTS.entries()) {
        const [alone] = classify(ops, model, vocabulary, held, [text])
        expect(together[i]!.label).toBe(alone!.label)
        expect(together[i]!.probability).toBeCloseTo(alone!.probability, 5)
      }
      ops.dispose(Object.values(held))
      expect(tensorCount(), 'tensors alive').toBe(before)
    }
  })
})

describe('a classifier', () => {
  beforeAll(() => useBackend('cpu'))

  it('gives the labels probabilities that sum to 1, and says the likeliest', () => {
    const ops = new TensorFlowOps()
    const model = tiny({})
    const weights = enlarged(model.parameters, 2)
    const held = keptTensors(ops, weights)
    for (const { words } of TEXTS) {
      // The loss of a text under a label is minus the logarithm of its probability.
      const probabilities = labels.map((label) =>
        Math.exp(
          -evaluate(weights, (o, w) => classificationLoss(o, model, vocabulary, w, [{ words, label }])),
        ),
      )
      expect(probabilities.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5)
      const [{ label, probability }] = classify(ops, model, vocabulary, held, [{ words }]) as [
        { label: string; probability: number },
      ]
      expect(probability).toBeCloseTo(Math.max(...probabilities), 5)
      expect(probabilities[labels.indexOf(label)]).toBe(Math.max(...probabilities))
    }
    ops.dispose(Object.values(held))
  })

  it('knows nothing before it learns: the loss is about the logarithm of the number of labels', () => {
    const model = tiny({})
    const loss = evaluate(enlarged(model.parameters, 0.1), (ops, weights) =>
      classificationLoss(ops, model, vocabulary, weights, TEXTS),
    )
    expect(loss).toBeCloseTo(Math.log(labels.length), 2)
  })

  it('judges as many texts as there are, in their order', () => {
    const ops = new TensorFlowOps()
    const model = tiny({ direction: 'forward' })
    const held = keptTensors(ops, enlarged(model.parameters, 2))
    const judged = classify(ops, model, vocabulary, held, TEXTS)
    const many = Array.from({ length: 600 }, (_, i) => TEXTS[i % TEXTS.length]!)
    expect(classify(ops, model, vocabulary, held, many).map(({ label }) => label)).toEqual(
      many.map((_, i) => judged[i % TEXTS.length]!.label),
    )
    expect(classify(ops, model, vocabulary, held, [])).toEqual([])
    ops.dispose(Object.values(held))
  })
})

it('confusion counts each text once: rows are what it is, columns what was said', () => {
  const texts = ['x', 'x', 'x', 'y', 'y'].map((label) => ({ label }))
  const said = ['x', 'y', 'x', 'x', 'y'].map((label) => ({ label }))
  expect(confusionOf(['x', 'y', 'z'], texts, said)).toEqual([
    [2, 1, 0],
    [1, 1, 0],
    [0, 0, 0],
  ])
})

describe('training', () => {
  const folder = temporaryFolder('classifier')
  beforeAll(() => useBackend('cpu'))

  /** Which of a and b came first, however many c and d stand around them: the words alone do not say it. */
  const texts = ['a b', 'b a'].flatMap((both) =>
    ['', 'c', 'd', 'c d'].flatMap((before) =>
      ['', 'c', 'd', 'd c'].map((between) => {
        const [one, other] = both.split(' ')
        const text = [before, one, between, other].filter((part) => part !== '').join(' ')
        return labelled(text, one === 'a' ? 'first' : 'second')
      }),
    ),
  )

  it.each(
    Object.keys(CELLS).map((cell) => ({ cell, direction: cell === 'gru' ? 'both' : 'forward' }) as const),
  )('learns an order with $cell, $direction, and says the same from its bundle', async (shape) => {
    const model = tiny({ ...shape, units: 12, embeddingSize: 6 })
    const recipe = recipeSchema.parse({ steps: 120, learningRate: 0.03, warmUpSteps: 5, averageDecay: 0.8 })
    const task = new ClassificationTask(model, vocabulary, texts, texts, { ...recipe, batchSize: 16 })
    const before = tensorCount()
    const training = new Training(task, recipe, join(folder, shape.cell), {})
    await training.run(() => {})
    expect(tensorCount(), 'tensors alive').toBe(before)
    expect(training.result.loss).toBeLessThan(0.1)
    const path = join(folder, `${shape.cell} bundle`)
    const { weights } = training.result
    await writeClassifierBundle(path, { model, vocabulary, weights, training: {} })
    const bundle = await readClassifierBundle(path)
    const ops = new TensorFlowOps()
    const held = ops.tensors(bundle.model.parameters, (name) => bundle.weights.float32(name).data)
    const said = classify(ops, bundle.model, bundle.vocabulary, held, texts)
    ops.dispose(Object.values(held))
    expect(said.map(({ label }) => label)).toEqual(texts.map(({ label }) => label))
  })

  it('a bundle whose words are not as many as its weights is refused', async () => {
    const model = tiny({})
    const fewer = Vocabulary.fromJSON({ version: 1, styles: ['text'], words: ['a'] })
    const path = join(folder, 'fewer')
    const weights = initialize(model.parameters, 1)
    await writeClassifierBundle(path, { model, vocabulary: fewer, weights, training: {} })
    await expect(readClassifierBundle(path)).rejects.toMatchObject({ code: 'INVALID_BUNDLE' })
  })

  it.each([
    ['"words":["a","b","c","d"]', '"words":["a","b","c","a"]', 'every word once for vocabulary'],
    ['"words":["a","b","c","d"]', '"words":3', 'vocabulary.words is wrong'],
  ])('a bundle with %s turned into %s is refused by its file', async (from, to, message) => {
    const model = tiny({})
    const path = join(folder, 'damaged')
    await writeClassifierBundle(path, {
      model,
      vocabulary,
      weights: initialize(model.parameters, 1),
      training: {},
    })
    const file = join(path, 'config.json')
    const config = JSON.stringify(JSON.parse(await readFile(file, 'utf8')))
    expect(config).toContain(from)
    await writeFile(file, config.replace(from, to))
    await expect(readClassifierBundle(path)).rejects.toMatchObject({
      code: 'INVALID_BUNDLE',
      where: file,
      message: expect.stringContaining(message),
    })
  })

  it('does not begin where something else has the place of its bundle', async () => {
    const model = tiny({})
    const recipe = recipeSchema.parse({ steps: 1, learningRate: 0.03 })
    const task = new ClassificationTask(model, vocabulary, texts, texts, { ...recipe, batchSize: 16 })
    await mkdir(join(folder, 'foreign/bundle'), { recursive: true })
    await writeFile(join(folder, 'foreign/bundle/index.js'), '')
    const training = new Training(task, recipe, join(folder, 'foreign'), {})
    await expect(training.run(() => expect.unreachable())).rejects.toThrow(
      `Expected a new or empty folder, or one with config.json, for ${training.bundle} but received ["index.js"]`,
    )
    expect(await readdir(join(folder, 'foreign'), { recursive: true })).toEqual(['bundle', 'bundle/index.js'])
  })
})
