import type { Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import type { CellState } from './cell.js'

/** A state as numbers, apart from any tensor: what one piece of a sequence hands to the next. */
export interface StateValues {
  /** Sequences that are read side by side. */
  readonly rows: number
  /** By the names of the stack's states, [rows, 1, units] each. */
  readonly values: Readonly<Record<string, Float32Array>>
}

export interface PieceGradients {
  readonly loss: number
  readonly gradients: Record<string, Float32Array>
  /** The state after the piece. */
  readonly state: StateValues
}

/** A state as tensors of the scope around. */
export function tensorsOf(ops: TensorFlowOps, { rows, values }: StateValues): CellState<Tensor> {
  return Object.fromEntries(
    Object.entries(values).map(([name, data]) => [name, ops.input(data, [rows, 1, data.length / rows])]),
  )
}

/** What tensors hold, copied: on cpu what is read is the tensor's own memory. */
export function numbersOf(
  ops: TensorFlowOps,
  tensors: Readonly<Record<string, Tensor>>,
): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, value]) => [name, Float32Array.from(ops.read(value))]),
  )
}

/**
 * Backpropagation through time over one piece of a longer sequence (Williams and Peng 1990, truncated). The state goes
 * on from piece to piece as numbers, so that the gradient ends where the piece begins; when the piece is the whole
 * sequence, it is the full gradient.
 * @param piece unrolls over the piece; the loss is a scalar.
 * @throws ShowtellError NUMERIC when the loss is not finite.
 */
export function pieceGradients(
  ops: TensorFlowOps,
  weights: Weights<Tensor>,
  before: StateValues,
  piece: (weights: Weights<Tensor>, state: CellState<Tensor>) => { loss: Tensor; state: CellState<Tensor> },
): PieceGradients {
  let values: StateValues['values'] = {}
  const { loss, gradients } = ops.gradients(weights, (watched) => {
    const done = piece(watched, tensorsOf(ops, before))
    // Read here: what the loss leaves behind is freed.
    values = numbersOf(ops, done.state)
    return done.loss
  })
  return { loss, gradients, state: { ...before, values } }
}
