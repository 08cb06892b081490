import { type Encoder, runBlocks } from '../encoder/encoder.js'
import { OnnxOps } from '../engine/onnx.js'
import { after, OnnxGraph, type OnnxValue } from '../engine/onnx-graph.js'
import type { SafetensorsFile } from '../engine/safetensors.js'
import type { Decoder, Memory } from './decoder.js'

/** Continuations the step graph gives a hypothesis; a search that needs more takes the whole row. */
export const MOST_CONTINUATIONS = 64

/**
 * The encoder and the decoder's `start` as one ONNX graph, so that a batch of photos costs one call:
 * `pixels` uint8 [images, size, size, 3] → `features`, `regions`, `keys` (with attention) and the first states.
 * @param weights the bundle's, with names under `encoder.` and `decoder.`; `file` its path as the graph will see it.
 */
export function exportEncoder(
  encoder: Encoder,
  decoder: Decoder,
  weights: SafetensorsFile,
  file: string,
): Uint8Array {
  const graph = new OnnxGraph('encoder')
  const ops = new OnnxOps(graph)
  const size = encoder.imageSize
  const pixels = graph.input('pixels', 'uint8', ['images', size, size, 3])
  const features = runBlocks(ops, encoder.blocks, graph.weights(weights, file, 'encoder.'), pixels)
  const { memory, state } = decoder.start(ops, graph.weights(weights, file, 'decoder.'), features)
  const { regions, channels, regionSize, attentionUnits } = decoder.config
  graph.output('features', features, ['images', regions, channels])
  graph.output('regions', memory.regions, ['images', regions, regionSize])
  if (memory.keys !== undefined) graph.output('keys', memory.keys, ['images', 1, regions, attentionUnits])
  for (const name of decoder.states)
    graph.output(after(name), state[name]!, ['images', 1, decoder.sizeOf(name)])
  return graph.encode()
}

/**
 * One step of the decoder as an ONNX graph: `tokens` and `parents` int32 [images, hypotheses] (whose state each
 * hypothesis goes on with), `bias` [vocabulary], memory and states → `logProbs` [images, hypotheses, vocabulary] with
 * the bias added, its best as `values` and `indices` [images, hypotheses, k], `alignment`, and the states after.
 */
export function exportDecoder(decoder: Decoder, weights: SafetensorsFile, file: string): Uint8Array {
  const { vocabularySize, regions, regionSize, attentionUnits } = decoder.config
  const graph = new OnnxGraph('decoder')
  const ops = new OnnxOps(graph)
  const rows = ['images', 'hypotheses'] as const
  const tokens = graph.input('tokens', 'int32', rows)
  const parents = graph.input('parents', 'int32', rows)
  const bias = graph.input('bias', 'float32', [vocabularySize])
  const attends = decoder.config.attention !== 'none'
  const memory: Memory<OnnxValue> = {
    regions: graph.input('regions', 'float32', ['images', regions, regionSize]),
    ...(attends ? { keys: graph.input('keys', 'float32', ['images', 1, regions, attentionUnits]) } : {}),
  }
  const before = Object.fromEntries(
    decoder.states.map((name) => [
      name,
      ops.select(graph.input(name, 'float32', ['images', 'parents', decoder.sizeOf(name)]), parents),
    ]),
  )
  const step = decoder.step(ops, graph.weights(weights, file, 'decoder.'), tokens, memory, before)
  const logProbs = ops.add(step.logProbs, bias)
  const k = Math.min(MOST_CONTINUATIONS, vocabularySize)
  const { values, indices } = ops.topK(logProbs, k)
  graph.output('logProbs', logProbs, [...rows, vocabularySize])
  graph.output('values', values, [...rows, k])
  graph.output('indices', indices, [...rows, k])
  if (step.alignment !== undefined) graph.output('alignment', step.alignment, [...rows, regions])
  for (const name of decoder.states)
    graph.output(after(name), step.state[name]!, [...rows, decoder.sizeOf(name)])
  return graph.encode()
}
