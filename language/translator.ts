import { z } from 'zod'
import type { Ops, Parameter, Weights } from '../engine/ops.js'
import { ATTENTIONS } from '../rnn/attention.js'
import { Bidirectional } from '../rnn/bidirectional.js'
import { affine, type CellState, part, prefixed } from '../rnn/cell.js'
import { attentionSchema, cellSchema, connectionSchema } from '../rnn/schema.js'
import { Stack } from '../rnn/stack.js'

/** The shape of a translator; what its bundle's `config.json` holds, with the characters. */
export const translatorConfigSchema = z.strictObject({
  cell: cellSchema.default('gru'),
  layers: z.int().min(1).default(1).describe('layers above each other, of encoder and decoder'),
  connection: connectionSchema,
  attention: attentionSchema.default('additive'),
  units: z.int().min(1).default(128).describe('units of encoder and decoder'),
  attentionUnits: z.int().min(1).default(64).describe('units of the attention'),
  embeddingSize: z.int().min(1).default(32).describe('size of the vector of a character'),
  /** Token ids of the two sides, specials included. */
  sources: z.int().min(1),
  targets: z.int().min(3),
})
export type TranslatorConfig = z.infer<typeof translatorConfigSchema>

/** What stays the same for all tokens of a target. */
export interface Reading<T> {
  /** What the encoder made of each source token, [pairs, length, units]. */
  readonly outputs: T
  /** What the attention compares with; absent without attention. */
  readonly keys?: T
}

/**
 * Sequence to sequence (Sutskever et al. 2014; Cho et al. 2014) with attention (Bahdanau et al. 2015): a bidirectional
 * network reads the source; what it gives at both ends begins the decoder, which at each token looks over all that
 * was read with its state before. Without attention, that beginning is all it knows of the source.
 *
 * `start`, `embed` and `advance` are the only definition of it: teacher forcing and search call them.
 */
export class Translator {
  private readonly encoder: Bidirectional
  private readonly decoder: Stack
  readonly parameters: readonly Parameter[]

  /** @throws ShowtellError INVALID_ARGUMENT for a connection where there is nothing to connect. */
  constructor(readonly config: TranslatorConfig) {
    const { cell, layers, connection, units, embeddingSize, attentionUnits, sources, targets } = config
    const shape = { cell, layers, connection, units }
    const seen = this.attention === undefined ? 0 : units
    this.encoder = new Bidirectional({ ...shape, inputs: embeddingSize, outputs: units })
    this.decoder = new Stack({ ...shape, inputs: embeddingSize + seen })
    this.parameters = [
      { name: 'source', shape: [sources, embeddingSize], initializer: { uniform: 0.1 } },
      { name: 'target', shape: [targets, embeddingSize], initializer: { uniform: 0.1 } },
      ...prefixed('encoder', this.encoder.parameters),
      ...this.states.flatMap((state) => prefixed(`initial.${state}`, affine(2 * units, units))),
      ...prefixed('decoder', this.decoder.parameters),
      ...prefixed('attention', this.attention?.parameters(units, units, attentionUnits) ?? []),
      ...prefixed('output', affine(units + seen + embeddingSize, targets)),
    ]
  }

  private get attention() {
    return ATTENTIONS[this.config.attention]
  }

  /** Names of the decoder's state values. */
  get states(): readonly string[] {
    return this.decoder.states
  }

  /**
   * Token ids of sources of one length, [pairs, length] → what was read, and the state before the first token.
   * @param dropout of the vectors of the tokens, [pairs, 1, embedding size], 0 or 1 / (1 − rate); only in training.
   */
  start<T>(
    ops: Ops<T>,
    weights: Weights<T>,
    source: T,
    length: number,
    dropout?: T,
  ): { reading: Reading<T>; state: CellState<T> } {
    const embedded = ops.gather(weights.source!, source)
    const vectors = dropout === undefined ? embedded : ops.mul(embedded, dropout)
    const xs = ops.split(vectors, length, 1)
    const outputs = this.encoder.read(ops, part(weights, 'encoder'), xs).outputs()
    // What has been read backward to the first token, and forward to the last.
    const ends = ops.concat([outputs[0]!, outputs.at(-1)!], 2)
    const state = Object.fromEntries(
      this.states.map((name) => {
        const { w, b } = part(weights, `initial.${name}`)
        return [name, ops.tanh(ops.linear(ends, w!, b!))]
      }),
    )
    const read = ops.concat(outputs, 1)
    if (this.attention === undefined) return { reading: { outputs: read }, state }
    return {
      reading: { outputs: read, keys: this.attention.keys(ops, part(weights, 'attention'), read) },
      state,
    }
  }

  /** Token ids of targets, any shape → vectors [..., embedding size]. */
  embed<T>(ops: Ops<T>, weights: Weights<T>, tokens: T): T {
    return ops.gather(weights.target!, tokens)
  }

  /**
   * One token further: vectors [pairs, hypotheses, embedding size] and the state before → scores of the next token
   * [pairs, hypotheses, targets], the state after and, with attention, where it looked [pairs, hypotheses, length].
   */
  advance<T>(
    ops: Ops<T>,
    weights: Weights<T>,
    x: T,
    { outputs, keys }: Reading<T>,
    before: CellState<T>,
  ): { scores: T; state: CellState<T>; alignment?: T } {
    const decoder = part(weights, 'decoder')
    const say = (parts: readonly T[]): T =>
      ops.linear(ops.concat(parts, 2), weights['output.w']!, weights['output.b']!)
    if (this.attention === undefined || keys === undefined) {
      const { output, state } = this.decoder.step(ops, decoder, x, before)
      return { scores: say([output, x]), state }
    }
    const alignment = this.attention.align(ops, part(weights, 'attention'), before[this.decoder.top]!, keys)
    const context = ops.matMul(alignment, outputs)
    const { output, state } = this.decoder.step(ops, decoder, ops.concat([x, context], 2), before)
    return { scores: say([output, context, x]), state, alignment }
  }
}
