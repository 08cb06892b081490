import type { Ops, Parameter, Weights } from '../engine/ops.js'
import { part, prefixed } from './cell.js'
import { Stack, type StackShape } from './stack.js'
import { unroll } from './unroll.js'

export interface BidirectionalShape extends StackShape {
  /** Size of what comes out. */
  readonly outputs: number
}

/** What was read; only what is asked for is worked out. */
export interface ReadBothWays<T> {
  /** For each step [images, hypotheses, outputs]. */
  outputs(): T[]
  /** Of the whole sequence, [images, hypotheses, outputs]: s after its last step and s' after its first. */
  whole(): T
}

/**
 * Two stacks of layers, one reading forward in time and one backward (Schuster and Paliwal 1997):
 * o = c + s·v + s'·v_backward, where s and s' are what they give at a step. Both start from zero.
 */
export class Bidirectional {
  readonly stack: Stack
  readonly parameters: readonly Parameter[]

  constructor({ outputs, ...shape }: BidirectionalShape) {
    this.stack = new Stack(shape)
    const { units, parameters } = this.stack
    this.parameters = [
      ...prefixed('forward', parameters),
      ...prefixed('backward', parameters),
      { name: 'v', shape: [units, outputs], initializer: 'glorot' },
      { name: 'v_backward', shape: [units, outputs], initializer: 'glorot' },
      { name: 'c', shape: [outputs], initializer: { parts: [0] } },
    ]
  }

  /**
   * @param inputs for each step [images, hypotheses, inputs].
   * @param masks as `unroll` takes them: backward, a sequence begins at its own last step.
   */
  read<T>(ops: Ops<T>, weights: Weights<T>, inputs: readonly T[], masks?: readonly T[]): ReadBothWays<T> {
    const start = this.stack.zeros(ops, inputs[0]!)
    const along = (direction: string, order: <V>(values: readonly V[]) => readonly V[]) => {
      const held = part(weights, direction)
      return unroll(
        ops,
        (x, state) => this.stack.step(ops, held, x, state),
        order(inputs),
        start,
        masks === undefined ? undefined : order(masks),
      )
    }
    const forward = along('forward', (values) => values)
    const backward = along('backward', (values) => values.toReversed())
    // [s, s'] · [v; v_backward]: one product a step, not two.
    const both = ops.concat([weights.v!, weights.v_backward!], 0)
    const join = (s: T, back: T): T => ops.linear(ops.concat([s, back], 2), both, weights.c!)
    const seen = backward.outputs.toReversed()
    return {
      outputs: () => forward.outputs.map((output, time) => join(output, seen[time]!)),
      whole: () => join(forward.outputs.at(-1)!, seen[0]!),
    }
  }
}
