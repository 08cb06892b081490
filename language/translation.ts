import { inBatches } from '../data/batches.js'
import { type Dropout, drawnMask } from '../engine/dropout.js'
import type { Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { expected } from '../errors.js'
import type { CellState } from '../rnn/cell.js'
import { sequenceModel } from '../rnn/sequence-model.js'
import { unroll } from '../rnn/unroll.js'
import { beamSearch } from '../search/beam.js'
import { Constraints } from '../search/constraints.js'
import type { Hypothesis } from '../search/ranking.js'
import type { Characters } from './characters.js'
import type { Pair } from './dates.js'
import { bySourceLength, type Lessons } from './pairs.js'
import type { Recipe, Task } from './training.js'
import type { Translator } from './translator.js'

/** Ids below the characters: of sources one for what is not known, of targets end and start. */
export const SOURCE_SPECIALS = 1
export const TARGET_SPECIALS = 2
const [UNKNOWN, END, START] = [0, 0, 1]
/** Pairs that are validated at once, so that memory does not grow with their number. */
const VALIDATED = 256

/** The characters of both sides. */
export interface Alphabets {
  readonly source: Characters
  readonly target: Characters
}

/**
 * Mean negative log-likelihood of targets by teacher forcing, nats a token, ends included; sources of one length. Dropout
 * takes from the vectors of both sides, the same of every token of a text (Gal and Ghahramani 2016, section 4, of what
 * goes in); neither between layers, nor from what comes out, nor from a state.
 * @throws ShowtellError INVALID_DATA naming a character of a target that is not among its characters.
 */
export function translationLoss(
  ops: TensorFlowOps,
  model: Translator,
  alphabets: Alphabets,
  weights: Weights<Tensor>,
  pairs: readonly Pair[],
  regularisation?: Dropout,
): Tensor {
  const sources = pairs.map(({ source }) => alphabets.source.encode(source, UNKNOWN))
  const targets = pairs.map(({ target }) => alphabets.target.encode(target))
  const read = sources[0]!.length
  const length = 1 + Math.max(...targets.map((target) => target.length))
  const inputs = new Int32Array(pairs.length * length)
  const wanted = new Int32Array(pairs.length * length)
  const positions: number[] = []
  for (const [row, target] of targets.entries()) {
    const from = row * length
    inputs[from] = START
    inputs.set(target, from + 1)
    wanted.set(target, from)
    wanted[from + target.length] = END
    for (let t = 0; t <= target.length; t++) positions.push(from + t)
  }
  const { embeddingSize } = model.config
  const mask = (layer: string) => drawnMask(ops, regularisation, layer, [pairs.length, 1, embeddingSize])
  const flat = Int32Array.from(sources.flatMap((source) => [...source]))
  const { reading, state: start } = model.start(
    ops,
    weights,
    ops.input(flat, [pairs.length, read]),
    read,
    mask('source'),
  )
  const embedded = model.embed(ops, weights, ops.input(inputs, [pairs.length, length]))
  const masked = mask('target')
  const vectors = masked === undefined ? embedded : ops.mul(embedded, masked)
  const { outputs } = unroll(
    ops,
    (x, before) => {
      const { scores, state } = model.advance(ops, weights, x, reading, before)
      return { output: scores, state }
    },
    ops.split(vectors, length, 1),
    start,
  )
  const all = ops.reshape(ops.concat(outputs, 1), [-1, model.config.targets])
  const kept = ops.gather(all, ops.input(Int32Array.from(positions), [positions.length]))
  const ids = Int32Array.from(positions, (position) => wanted[position]!)
  return ops.mean(ops.crossEntropy(kept, ops.input(ids, [ids.length]), 0), 0)
}

/** Learns to translate, a batch of sources of one length a step. */
export class TranslationTask implements Task {
  readonly parameters

  constructor(
    private readonly model: Translator,
    private readonly alphabets: Alphabets,
    private readonly lessons: Lessons,
    private readonly recipe: Pick<Recipe, 'dropout' | 'seed'>,
  ) {
    this.parameters = model.parameters
  }

  learn(ops: TensorFlowOps, weights: Weights<Tensor>, step: number) {
    const { model, alphabets, lessons, recipe } = this
    const pairs = lessons.batch(step)
    return ops.gradients(weights, (watched) =>
      translationLoss(ops, model, alphabets, watched, pairs, { ...recipe, step }),
    )
  }

  validate(ops: TensorFlowOps, weights: Weights<Tensor>): number {
    let [sum, tokens] = [0, 0]
    const alike = [...bySourceLength(this.lessons.validation).values()]
    for (const pairs of alike.flatMap((list) => inBatches(list, VALIDATED))) {
      const loss = ops.scope(() => translationLoss(ops, this.model, this.alphabets, weights, pairs))
      const count = pairs.reduce((total, { target }) => total + Array.from(target).length + 1, 0)
      sum += ops.read(loss)[0]! * count
      tokens += count
      ops.dispose([loss])
    }
    return sum / tokens
  }
}

export interface Translation {
  readonly text: string
  /** Sum over its characters and the end, nats. */
  readonly logProb: number
  /** Where the model looked: for each character the share of each character of the source, with attention. */
  readonly alignment?: readonly Float32Array[]
}

export interface TranslateOptions {
  readonly beamSize: number
  /** Most characters. */
  readonly maxLength: number
}

/** Translates texts of any lengths by the captioner's beam search. @throws ShowtellError INVALID_ARGUMENT for an empty text. */
export async function translate(
  ops: TensorFlowOps,
  model: Translator,
  { source, target }: Alphabets,
  weights: Weights<Tensor>,
  texts: readonly string[],
  { beamSize, maxLength }: TranslateOptions,
): Promise<Translation[]> {
  const constraints = new Constraints({
    vocabularySize: model.config.targets,
    end: END,
    minLength: 0,
    maxLength,
    banned: [START],
    noRepeatNgram: 0,
  })
  const options = { constraints, start: START, beamSize, count: 1, lengthPenalty: 0, alignment: true }
  const found: Translation[] = new Array(texts.length)
  const numbered = texts.map((text, place) => ({ source: text, place }))
  for (const [length, alike] of bySourceLength(numbered)) {
    if (length === 0) throw expected('a text', 'the source', '')
    const ids = Int32Array.from(alike.flatMap((one) => [...source.encode(one.source, UNKNOWN)]))
    const { reading, state } = ops.scope(() =>
      model.start(ops, weights, ops.input(ids, [alike.length, length]), length),
    )
    const advance = (tokens: Tensor, before: CellState<Tensor>) => {
      const x = model.embed(ops, weights, tokens)
      const { scores, ...after } = model.advance(ops, weights, x, reading, before)
      return { ...after, logProbs: ops.logSoftmax(scores) }
    }
    try {
      const walked = sequenceModel(ops, alike.length, model.config.targets, state, advance)
      const best = await beamSearch(walked, options)
      for (const [row, { place }] of alike.entries()) found[place] = translationOf(best[row]![0]!, target)
    } finally {
      // A search that refuses its options has not released the state; disposing of one twice does nothing.
      ops.dispose([...Object.values(reading), ...Object.values(state)])
    }
  }
  return found
}

function translationOf({ tokens, logProb, alignment }: Hypothesis, target: Characters): Translation {
  return { text: target.decode(tokens), logProb, ...(alignment === undefined ? {} : { alignment }) }
}
