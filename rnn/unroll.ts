import type { Ops } from '../engine/ops.js'
import type { CellState } from './cell.js'
import type { Stepped } from './stack.js'

export interface Unrolled<T> {
  /** The output of each step. */
  readonly outputs: T[]
  /** The state after the last step. */
  readonly state: CellState<T>
}

/**
 * The recurrence over time, the one definition wherever it is known what goes in:
 * - many to many: every output counts;
 * - many to one: the last output counts, which with masks is that of each sequence's own last step;
 * - sequence to sequence: one unrolling starts where another has ended.
 *
 * One to many, where what goes in is chosen from what came out, is the walk of the search, a step at a time.
 *
 * @param step usually `(x, state) => stack.step(ops, weights, x, state)`; it may look at the time, for dropout, or
 * attend to something.
 * @param inputs for each step [images, hypotheses, inputs].
 * @param masks for each step [images, hypotheses, 1], 1 where a sequence goes on and 0 where it is padded: state and
 * output then stay as they were (the output 0 before the first step).
 */
export function unroll<T>(
  ops: Ops<T>,
  step: (x: T, state: CellState<T>, time: number) => Stepped<T>,
  inputs: readonly T[],
  start: CellState<T>,
  masks?: readonly T[],
): Unrolled<T> {
  const outputs: T[] = []
  let state = start
  for (const [time, x] of inputs.entries()) {
    const stepped = step(x, state, time)
    const mask = masks?.[time]
    if (mask === undefined) {
      outputs.push(stepped.output)
      state = stepped.state
      continue
    }
    // Two products and not a difference: a value that stays or goes stays or goes exactly.
    const ended = ops.sub(ops.constant([1], [], 'float32'), mask)
    const held = (after: T, was: T): T => ops.add(ops.mul(mask, after), ops.mul(ended, was))
    const before = outputs.at(-1)
    outputs.push(before === undefined ? ops.mul(mask, stepped.output) : held(stepped.output, before))
    state = Object.fromEntries(
      Object.entries(stepped.state).map(([name, after]) => [name, held(after, state[name]!)]),
    )
  }
  return { outputs, state }
}
