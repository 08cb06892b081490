import { type Dropout, drawnMask } from '../engine/dropout.js'
import type { Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { expected } from '../errors.js'
import type { CellState } from '../rnn/cell.js'
import { numbersOf, type StateValues, tensorsOf } from '../rnn/truncated.js'
import { unroll } from '../rnn/unroll.js'
import type { CharacterModel } from './character-model.js'

/** A piece of some texts: what is read and what comes next, [rows, length] row by row. */
export interface Piece {
  readonly rows: number
  readonly length: number
  readonly inputs: Int32Array
  readonly targets: Int32Array
}

/** How many characters a text has at least that is read in so many rows and pieces of such a length. */
export function leastCharacters({ rows, length }: Pick<Piece, 'rows' | 'length'>): number {
  return Math.max(rows, length + 1)
}

/**
 * A text cut into rows that are read side by side, endlessly: where a row ends, the next begins, and after the text's end
 * comes its beginning. So the state of a row goes on from piece to piece and is never put back.
 */
export class Rows {
  /** @throws ShowtellError INVALID_DATA for a text that is shorter than a piece. */
  constructor(
    private readonly text: Int32Array,
    private readonly rows: number,
    private readonly length: number,
  ) {
    const least = leastCharacters({ rows, length })
    if (text.length < least)
      throw expected(`at least ${least} characters`, 'the text', text.length, 'INVALID_DATA')
  }

  /** The piece that all rows read at a step. */
  piece(step: number): Piece {
    const { text, rows, length } = this
    const inputs = new Int32Array(rows * length)
    const targets = new Int32Array(rows * length)
    for (let row = 0; row < rows; row++) {
      const begin = Math.floor((row * text.length) / rows) + step * length
      for (let t = 0; t < length; t++) {
        inputs[row * length + t] = text[(begin + t) % text.length]!
        targets[row * length + t] = text[(begin + t + 1) % text.length]!
      }
    }
    return { rows, length, inputs, targets }
  }
}

/**
 * Mean negative log-likelihood of a piece, nats a character, and the state after it. What dropout takes (from what goes
 * in, what layers hand on and what comes out) it takes for a whole piece, as Gal and Ghahramani 2016, section 4; the
 * state, which they drop too, stays whole.
 */
export function textLoss(
  ops: TensorFlowOps,
  model: CharacterModel,
  weights: Weights<Tensor>,
  { rows, length, inputs, targets }: Piece,
  start: CellState<Tensor>,
  regularisation?: Dropout,
): { loss: Tensor; state: CellState<Tensor> } {
  const { embeddingSize, units, layers } = model.config
  const mask = (layer: string, size: number) => drawnMask(ops, regularisation, layer, [rows, 1, size])
  const dropped = (x: Tensor, by: Tensor | undefined): Tensor =>
    by === undefined ? x : ops.mul(x, ops.expand(by, 2))
  const between = Array.from({ length: layers - 1 }, (_, i) => mask(`layer${i + 1}`, units))
  const masks = between.filter((one) => one !== undefined)

  const vectors = dropped(
    model.embed(ops, weights, ops.input(inputs, [rows, 1, length])),
    mask('input', embeddingSize),
  )
  const xs = ops.split(vectors, length, 2).map((x) => ops.squeeze(x, 2))
  const { outputs, state } = unroll(
    ops,
    (x, before) => model.advance(ops, weights, x, before, masks),
    xs,
    start,
  )
  const output = dropped(
    ops.concat(
      outputs.map((one) => ops.expand(one, 2)),
      2,
    ),
    mask('output', units),
  )
  const logits = model.project(ops, weights, ops.reshape(output, [-1, units]))
  return { loss: ops.mean(ops.crossEntropy(logits, ops.input(targets, [targets.length]), 0), 0), state }
}

/**
 * Nats a character of a text under a model, each but the first predicted from those before: rows are read side by side,
 * each from an empty state, and the characters at the end that are too few for one more of each row are left out. With one
 * row it is the exact value, whatever the length of the pieces.
 */
export function textNats(
  ops: TensorFlowOps,
  model: CharacterModel,
  weights: Weights<Tensor>,
  text: Int32Array,
  { rows, length }: { rows: number; length: number },
): number {
  const each = Math.floor((text.length - 1) / rows)
  if (each < 1) throw expected(`more than ${rows} characters`, 'the text', text.length, 'INVALID_DATA')
  let state: StateValues = model.zeros(rows)
  let total = 0
  for (let from = 0; from < each; from += length) {
    const size = Math.min(length, each - from)
    const cut = (shift: number) =>
      Int32Array.from({ length: rows * size }, (_, i) => {
        const row = Math.floor(i / size)
        return text[row * each + from + (i % size) + shift]!
      })
    const piece: Piece = { rows, length: size, inputs: cut(0), targets: cut(1) }
    const done: Readonly<Record<string, Tensor>> = ops.scope(() => {
      const { loss, state: after } = textLoss(ops, model, weights, piece, tensorsOf(ops, state))
      return { loss, ...after }
    })
    const { loss, ...after } = done
    total += (ops.read(loss!)[0] as number) * rows * size
    state = { ...state, values: numbersOf(ops, after) }
    ops.dispose(Object.values(done))
  }
  return total / (rows * each)
}
