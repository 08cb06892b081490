import type { Ops } from '../engine/ops.js'
import type { CellState } from './cell.js'
import type { Stepped } from './stack.js'

/**
 * What goes in at each step, [images, hypotheses, inputs]. A list has all of it from the start; any other object makes
 * it when it is asked, from the output of the step before.
 */
export interface Inputs<T> {
  readonly length: number
  at(time: number, before?: T): T | undefined
}

export interface Unrolled<T> {
  /** The output of each step. */
  readonly outputs: T[]
  /** The state after the last step. */
  readonly state: CellState<T>
}

/**
 * The recurrence over time, the one definition for every shape of graph:
 * - many to many: inputs are a list, every output counts;
 * - many to one: the last output counts, which with masks is that of each sequence's own last step;
 * - one to many: inputs are made from the output before, `{ length, at: (time, before) => before ?? first }`;
 * - sequence to sequence: one unrolling starts where another has ended.
 *
 * @param step usually `(x, state) => stack.step(ops, weights, x, state)`; it may look at the time, for dropout, or
 * attend to something.
 * @param masks for each step [images, hypotheses, 1], 1 where a sequence goes on and 0 where it is padded: state and
 * output then stay as they were (the output 0 before the first step).
 */
export function unroll<T>(
  ops: Ops<T>,
  step: (x: T, state: CellState<T>, time: number) => Stepped<T>,
  inputs: Inputs<T>,
  start: CellState<T>,
  masks?: readonly T[],
): Unrolled<T> {
  const outputs: T[] = []
  let state = start
  for (let time = 0; time < inputs.length; time++) {
    const before = outputs.at(-1)
    const stepped = step(inputs.at(time, before)!, state, time)
    const mask = masks?.[time]
    if (mask === undefined) {
      outputs.push(stepped.output)
      state = stepped.state
      continue
    }
    // Two products and not a difference: a value that stays or goes stays or goes exactly.
    const ended = ops.sub(ops.constant([1], [], 'float32'), mask)
    const held = (after: T, was: T): T => ops.add(ops.mul(mask, after), ops.mul(ended, was))
    outputs.push(before === undefined ? ops.mul(mask, stepped.output) : held(stepped.output, before))
    state = Object.fromEntries(
      Object.entries(stepped.state).map(([name, after]) => [name, held(after, state[name]!)]),
    )
  }
  return { outputs, state }
}
