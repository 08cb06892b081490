import { inBatches } from '../data/batches.js'
import type { Vocabulary } from '../data/vocabulary.js'
import { type Dropout, drawnMask } from '../engine/dropout.js'
import type { Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { Random } from '../random.js'
import type { Classifier } from './classifier.js'
import type { LabelledText } from './classifier-texts.js'
import type { Recipe, Task } from './training.js'

/** Texts judged at once. */
export const BATCH = 256

type Words = Pick<LabelledText, 'words'>

/** Scores of the labels, [texts, labels]; texts are padded to the longest. */
function scoresOf(
  ops: TensorFlowOps,
  model: Classifier,
  vocabulary: Vocabulary,
  weights: Weights<Tensor>,
  texts: readonly Words[],
  regularisation?: Dropout,
): Tensor {
  const length = texts.reduce((most, { words }) => Math.max(most, words.length), 0)
  const tokens = new Int32Array(texts.length * length).fill(vocabulary.pad)
  const mask = new Float32Array(texts.length * length)
  for (const [row, { words }] of texts.entries()) {
    tokens.set(vocabulary.encode(words), row * length)
    mask.fill(1, row * length, row * length + words.length)
  }
  const { embeddingSize, units } = model.config
  const read = {
    tokens: ops.input(tokens, [texts.length, length]),
    mask: ops.input(mask, [texts.length, length, 1]),
    length,
  }
  const input = drawnMask(ops, regularisation, 'input', [texts.length, 1, embeddingSize])
  const output = drawnMask(ops, regularisation, 'output', [texts.length, 1, units])
  return model.scores(ops, weights, read, input && output && { input, output })
}

/**
 * Mean negative log-likelihood of the labels, nats a text. Dropout takes from the word vectors, the same of every word of
 * a text (Gal and Ghahramani 2016, section 4, of what goes in), and from what the network says of the whole text; neither
 * between layers nor from a state.
 */
export function classificationLoss(
  ops: TensorFlowOps,
  model: Classifier,
  vocabulary: Vocabulary,
  weights: Weights<Tensor>,
  texts: readonly LabelledText[],
  regularisation?: Dropout,
): Tensor {
  const scores = scoresOf(ops, model, vocabulary, weights, texts, regularisation)
  const labels = Int32Array.from(texts, ({ label }) => model.config.labels.indexOf(label))
  return ops.mean(ops.crossEntropy(scores, ops.input(labels, [labels.length]), 0), 0)
}

export interface Judgement {
  readonly label: string
  /** What the model gives it, 0 to 1. */
  readonly probability: number
}

/** The likeliest label of each text. */
export function classify(
  ops: TensorFlowOps,
  model: Classifier,
  vocabulary: Vocabulary,
  weights: Weights<Tensor>,
  texts: readonly Words[],
): Judgement[] {
  return inBatches(texts, BATCH).flatMap((part) => {
    const { values, indices } = ops.scope(() => {
      const best = ops.topK(ops.softmax(scoresOf(ops, model, vocabulary, weights, part)), 1)
      return { values: best.values, indices: best.indices }
    })
    const probabilities = ops.read(values)
    const judgements = Array.from(ops.read(indices), (id, i) => ({
      label: model.config.labels[id]!,
      probability: probabilities[i]!,
    }))
    ops.dispose([values, indices])
    return judgements
  })
}

/** How many texts of each label (rows) were given which label (columns). */
export function confusionOf(
  labels: readonly string[],
  texts: readonly Pick<LabelledText, 'label'>[],
  judgements: readonly Pick<Judgement, 'label'>[],
): number[][] {
  const counts = labels.map(() => labels.map(() => 0))
  for (const [i, { label }] of texts.entries())
    counts[labels.indexOf(label)]![labels.indexOf(judgements[i]!.label)]!++
  return counts
}

/** Learns labels, texts drawn at random a step. */
export class ClassificationTask implements Task {
  readonly parameters

  /** @param held judged for validation. */
  constructor(
    private readonly model: Classifier,
    private readonly vocabulary: Vocabulary,
    private readonly train: readonly LabelledText[],
    private readonly held: readonly LabelledText[],
    private readonly recipe: Pick<Recipe, 'dropout' | 'seed'> & { readonly batchSize: number },
  ) {
    this.parameters = model.parameters
  }

  learn(ops: TensorFlowOps, weights: Weights<Tensor>, step: number) {
    const { model, vocabulary, train, recipe } = this
    const random = new Random(recipe.seed, 'texts', step)
    const texts = Array.from({ length: recipe.batchSize }, () => train[random.below(train.length)]!)
    return ops.gradients(weights, (watched) =>
      classificationLoss(ops, model, vocabulary, watched, texts, { ...recipe, step }),
    )
  }

  validate(ops: TensorFlowOps, weights: Weights<Tensor>): number {
    let sum = 0
    for (const part of inBatches(this.held, BATCH)) {
      const loss = ops.scope(() => classificationLoss(ops, this.model, this.vocabulary, weights, part))
      sum += ops.read(loss)[0]! * part.length
      ops.dispose([loss])
    }
    return sum / this.held.length
  }
}
