import { z } from 'zod'
import type { Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { pieceGradients, type StateValues } from '../rnn/truncated.js'
import type { CharacterModel } from './character-model.js'
import { Rows, textLoss, textNats } from './text-loss.js'
import type { Recipe, Task } from './training.js'

/** How a text is read in training. */
export const readingSchema = z.strictObject({
  rows: z.int().min(1).default(128).describe('places of the text that are read side by side'),
  length: z
    .int()
    .min(1)
    .default(64)
    .describe('characters a piece, over which the gradient goes back (truncated)'),
})
export type Reading = z.infer<typeof readingSchema>

/** Validation reads more rows side by side: nothing is kept for a gradient. */
const VALIDATION_ROWS = 128

/** Learns to say what character comes next, piece after piece of a text, the state carried on. */
export class CharacterTask implements Task {
  readonly parameters
  private readonly text: Rows
  private readonly state: StateValues

  /** @param train @param validation token ids; of the latter each is predicted but the first. */
  constructor(
    readonly model: CharacterModel,
    train: Int32Array,
    private readonly validation: Int32Array,
    private readonly reading: Reading & Pick<Recipe, 'dropout' | 'seed'>,
  ) {
    this.parameters = model.parameters
    this.text = new Rows(train, reading.rows, reading.length)
    this.state = model.zeros(reading.rows)
  }

  get carried(): Readonly<Record<string, Float32Array>> {
    return this.state.values
  }

  learn(ops: TensorFlowOps, weights: Weights<Tensor>, step: number) {
    const { model, reading } = this
    const piece = this.text.piece(step)
    const { loss, gradients, state } = pieceGradients(ops, weights, this.state, (watched, before) =>
      textLoss(ops, model, watched, piece, before, { ...reading, step }),
    )
    for (const [name, values] of Object.entries(state.values)) this.state.values[name]!.set(values)
    return { loss, gradients }
  }

  /** Rows begin with an empty state, so that it is a little more than `char evaluate` says. */
  validate(ops: TensorFlowOps, weights: Weights<Tensor>): number {
    const rows = Math.min(VALIDATION_ROWS, Math.max(1, Math.floor(this.validation.length / 500)))
    return textNats(ops, this.model, weights, this.validation, { rows, length: this.reading.length })
  }
}
