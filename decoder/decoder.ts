import { z } from 'zod'
import type { Ops, Parameter, Weights } from '../engine/ops.js'
import { ATTENTIONS } from '../rnn/attention.js'
import { affine, type CellState, part, prefixed } from '../rnn/cell.js'
import { attentionSchema, cellSchema, connectionSchema } from '../rnn/schema.js'
import { Stack } from '../rnn/stack.js'

/** The shape of a decoder; what a bundle's `config.json` holds under `decoder`. */
export const decoderConfigSchema = z.strictObject({
  cell: cellSchema,
  layers: z.int().min(1).default(1).describe('layers of cells'),
  connection: connectionSchema,
  attention: attentionSchema,
  vocabularySize: z.int().min(4),
  regions: z.int().min(1),
  channels: z.int().min(1),
  embeddingSize: z.int().min(1).describe('size of the word vectors'),
  units: z.int().min(1).describe('units of the cell'),
  regionSize: z.int().min(1).describe('size each region is projected to'),
  attentionUnits: z.int().min(1).describe('units of the attention'),
  /** Whether the words said so far are held against the next one. */
  wordMemory: z.boolean().default(false),
})
export type DecoderConfig = z.infer<typeof decoderConfigSchema>

/** The state that `wordMemory` adds. */
export const SAID = 'said'
/** Its gate is nearly shut before training, σ(−2) = .12: the decoder begins as if it had none. */
const SAID_BIAS = -2

/** What stays the same for all words of a photo. */
export interface Memory<T> {
  /** [images, regions, region size] */
  readonly regions: T
  /** What the attention compares with; absent without attention. */
  readonly keys?: T
}

export interface DecoderStep<T> {
  /** [images, hypotheses, embedding size]: `project` makes it scores of words. */
  readonly output: T
  readonly state: CellState<T>
  /** [images, hypotheses, regions] */
  readonly alignment?: T
}

/**
 * The recurrent decoder (after Xu et al. 2015, "Show, attend and tell", soft attention): the photo's mean sets the
 * first state; at each word it attends over the regions with the last layer's state before, a sigmoid gate scales the
 * context, and the cells take word and context; the output layer sees their output, context and word and shares the
 * word vectors (Press and Wolf 2017). Regions are first projected to `regionSize`, once a photo.
 *
 * With `wordMemory` the words said so far are held against the next one: `said` is what the photo sets at the start plus
 * the vectors of all words so far, and a share of it, gated by the cells' output, is taken from the decoder's. Since the
 * scores of words are products with those same vectors, not naming a thing twice becomes a rule that is easily learnt
 * (the idea of a checklist of Kiddon et al. 2016, section 3).
 *
 * `start` and `advance` are the only definition of the recurrence: teacher forcing, search and export all call them.
 */
export class Decoder {
  private readonly stack: Stack

  /** @throws ShowtellError INVALID_ARGUMENT for a connection where there is nothing to connect. */
  constructor(readonly config: DecoderConfig) {
    const { cell, layers, connection, embeddingSize, regionSize, units } = config
    const seen = this.attention === undefined ? 0 : regionSize
    this.stack = new Stack({ cell, layers, connection, inputs: embeddingSize + seen, units })
  }

  private get attention() {
    return ATTENTIONS[this.config.attention]
  }

  /** Names of the state values, in the order of the exported graph. */
  get states(): readonly string[] {
    return this.config.wordMemory ? [...this.stack.states, SAID] : this.stack.states
  }

  /** Numbers in a state value. */
  sizeOf(state: string): number {
    return state === SAID ? this.config.embeddingSize : this.config.units
  }

  get parameters(): readonly Parameter[] {
    const { vocabularySize, channels, embeddingSize, units, regionSize, attentionUnits, wordMemory } =
      this.config
    const { attention, stack } = this
    const seen = attention === undefined ? 0 : regionSize
    const linear = (name: string, inputs: number, outputs: number): Parameter[] =>
      prefixed(name, affine(inputs, outputs))
    return [
      { name: 'embedding', shape: [vocabularySize, embeddingSize], initializer: { uniform: 0.1 } },
      { name: 'bias', shape: [vocabularySize], initializer: { parts: [0] } },
      ...linear('region', channels, regionSize),
      ...this.states.flatMap((state) => linear(`initial.${state}`, regionSize, this.sizeOf(state))),
      ...prefixed('cell', stack.parameters),
      ...linear('output', units + seen + embeddingSize, embeddingSize),
      ...(wordMemory ? prefixed('said', affine(units, embeddingSize, [SAID_BIAS])) : []),
      ...(attention === undefined
        ? []
        : [
            ...prefixed('attention', attention.parameters(regionSize, units, attentionUnits)),
            ...linear('gate', units, regionSize),
          ]),
    ]
  }

  /**
   * Features [images, regions, channels] → memory and the state before the first word, one hypothesis an image.
   * @param dropout [images, regions, region size], 0 or 1 / (1 − rate); only in training.
   */
  start<T>(
    ops: Ops<T>,
    weights: Weights<T>,
    features: T,
    dropout?: T,
  ): { memory: Memory<T>; state: CellState<T> } {
    const seen = ops.relu(ops.linear(features, weights['region.w']!, weights['region.b']!))
    const regions = dropout === undefined ? seen : ops.mul(seen, dropout)
    const mean = ops.expand(ops.mean(regions, 1), 1)
    const state = Object.fromEntries(
      this.states.map((name) => [
        name,
        ops.tanh(ops.linear(mean, weights[`initial.${name}.w`]!, weights[`initial.${name}.b`]!)),
      ]),
    )
    if (this.attention === undefined) return { memory: { regions }, state }
    return { memory: { regions, keys: this.attention.keys(ops, part(weights, 'attention'), regions) }, state }
  }

  /** Token ids, any shape → word vectors [..., embedding size]. */
  embed<T>(ops: Ops<T>, weights: Weights<T>, tokens: T): T {
    return ops.gather(weights.embedding!, tokens)
  }

  /**
   * One word further: word vectors [images, hypotheses, embedding size] and the state before.
   * @param dropout a mask [images, hypotheses, units] for what each layer but the last hands to the next; see
   * `Stack.step`.
   */
  advance<T>(
    ops: Ops<T>,
    weights: Weights<T>,
    word: T,
    memory: Memory<T>,
    before: CellState<T>,
    dropout?: readonly T[],
  ): DecoderStep<T> {
    const { attention, stack } = this
    const cell = part(weights, 'cell')
    if (attention === undefined || memory.keys === undefined) {
      const { output, state } = stack.step(ops, cell, word, before, dropout)
      return this.spoken(ops, weights, [output, word], word, before, state)
    }
    const hidden = before[stack.top]!
    const alignment = attention.align(ops, part(weights, 'attention'), hidden, memory.keys)
    const gate = ops.sigmoid(ops.linear(hidden, weights['gate.w']!, weights['gate.b']!))
    const context = ops.mul(gate, ops.matMul(alignment, memory.regions))
    const { output, state } = stack.step(ops, cell, ops.concat([word, context], 2), before, dropout)
    return { ...this.spoken(ops, weights, [output, context, word], word, before, state), alignment }
  }

  /** Outputs [..., embedding size] → a score for every word of the vocabulary. */
  project<T>(ops: Ops<T>, weights: Weights<T>, output: T): T {
    return ops.linear(output, ops.transpose(weights.embedding!), weights.bias!)
  }

  /** Token ids [images, hypotheses] → log-probabilities of the next word [images, hypotheses, vocabulary], nats. */
  step<T>(
    ops: Ops<T>,
    weights: Weights<T>,
    tokens: T,
    memory: Memory<T>,
    before: CellState<T>,
  ): { logProbs: T; state: CellState<T>; alignment?: T } {
    const { output, ...after } = this.advance(ops, weights, this.embed(ops, weights, tokens), memory, before)
    return { logProbs: ops.logSoftmax(this.project(ops, weights, output)), ...after }
  }

  /** What the output layer makes of `parts`, the cells' output first; with the word memory, and its state after. */
  private spoken<T>(
    ops: Ops<T>,
    weights: Weights<T>,
    parts: readonly T[],
    word: T,
    before: CellState<T>,
    state: CellState<T>,
  ): DecoderStep<T> {
    const output = ops.tanh(ops.linear(ops.concat(parts, 2), weights['output.w']!, weights['output.b']!))
    if (before[SAID] === undefined) return { output, state }
    const said = ops.add(before[SAID], word)
    const gate = ops.sigmoid(ops.linear(parts[0]!, weights['said.w']!, weights['said.b']!))
    return { output: ops.sub(output, ops.mul(gate, said)), state: { ...state, [SAID]: said } }
  }
}
