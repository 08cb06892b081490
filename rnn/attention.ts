import type { Ops, Parameter, Weights } from '../engine/ops.js'

/**
 * How a decoder looks at the regions of a photo. `keys` are worked out once a photo; `align` once a word.
 * `regions` [images, regions, channels]; query [images, hypotheses, units].
 */
export interface Attention {
  parameters(channels: number, units: number, attentionUnits: number): readonly Parameter[]
  /**
   * → what `align` compares the query with, [images, 1, regions, attention units]: a photo's for every hypothesis. Exported
   * graphs declare that shape.
   */
  keys<T>(ops: Ops<T>, weights: Weights<T>, regions: T): T
  /** → the share of each region, [images, hypotheses, regions], rows summing to 1. */
  align<T>(ops: Ops<T>, weights: Weights<T>, query: T, keys: T): T
}

/** alignment = softmax(v · tanh(query·w_query + regions·w_key + b)) (Bahdanau et al. 2015, section A.1.2). */
export const additive: Attention = {
  parameters: (channels, units, attentionUnits) => [
    { name: 'w_query', shape: [units, attentionUnits], initializer: 'glorot' },
    { name: 'w_key', shape: [channels, attentionUnits], initializer: 'glorot' },
    { name: 'b', shape: [attentionUnits], initializer: { parts: [0] } },
    { name: 'v', shape: [attentionUnits, 1], initializer: 'glorot' },
  ],
  keys(ops, weights, regions) {
    return ops.expand(ops.linear(regions, weights.w_key!, weights.b!), 1)
  },
  align(ops, weights, query, keys) {
    const asked = ops.expand(ops.linear(query, weights.w_query!), 2)
    const scores = ops.linear(ops.tanh(ops.add(asked, keys)), weights.v!)
    return ops.softmax(ops.squeeze(scores, 3))
  },
}

/**
 * alignment = softmax((query·w_query) · (regions·w_key) / √attention units), the scaled dot product (Vaswani et al. 2017,
 * section 3.2.1; unscaled and with one matrix Luong et al. 2015, section 3.1, "general").
 */
export const dot: Attention = {
  parameters: (channels, units, attentionUnits) => [
    { name: 'w_query', shape: [units, attentionUnits], initializer: 'glorot' },
    { name: 'w_key', shape: [channels, attentionUnits], initializer: 'glorot' },
  ],
  keys(ops, weights, regions) {
    return ops.expand(ops.linear(regions, weights.w_key!), 1)
  },
  align(ops, weights, query, keys) {
    const scale = ops.constant([1 / Math.sqrt(ops.width(weights.w_query!))], [], 'float32')
    const asked = ops.mul(ops.linear(query, weights.w_query!), scale)
    return ops.softmax(ops.sum(ops.mul(ops.expand(asked, 2), keys), 3))
  },
}

/** Every attention; the name in a config is the key. `none` has no row: such a decoder sees the photo only at the start. */
export const ATTENTIONS: Readonly<Record<string, Attention>> = Object.freeze({ additive, dot })
