import { join } from 'node:path'
import { fewAtOnce, joined } from '../encoder/few-at-once.js'
import { after } from '../engine/onnx-graph.js'
import { type GraphSession, type GraphTensor, openSession } from '../engine/session.js'
import { bestOfRows } from '../search/rows.js'
import { type Bundle, DECODER_GRAPH, ENCODER_GRAPH } from './bundle.js'
import { MOST_CONTINUATIONS } from './export.js'
import type { PhotoModel, Runtime } from './runtime.js'

/**
 * Microseconds that threads wait for the search to choose the words of the next step: waking them costs a fifth of a
 * step of one photo. Waiting three times as long takes from the decoding of the next photos what it gives.
 */
const SEARCH_SPIN = 300

/** Recorded states, and the hypotheses to take of them at the next step. */
interface OnnxState {
  readonly values: Readonly<Record<string, GraphTensor>>
  readonly parents?: Int32Array
}

/** Runs the recorded graphs in onnxruntime. @throws ShowtellError ENGINE_UNAVAILABLE, INVALID_BUNDLE. */
export async function onnxRuntime(bundle: Bundle, threads: number): Promise<Runtime> {
  const encoder = await openSession(join(bundle.path, ENCODER_GRAPH), { threads })
  const decoder = await openSession(join(bundle.path, DECODER_GRAPH), { threads, spin: SEARCH_SPIN })
  const { states, config } = bundle.decoder
  const size = bundle.encoder.imageSize
  const attends = config.attention !== 'none'
  const started = encoder.outputs.filter((name) => name !== 'features')
  const memoryNames = started.filter((name) => name === 'regions' || name === 'keys')
  return {
    async encode(pixels, images, alignment, signal) {
      const runFew = (data: Uint8Array, count: number) =>
        encoder.run({ pixels: { data, dims: [count, size, size, 3] } }, started)
      const outputs = together(await fewAtOnce(pixels, images, runFew, signal))
      const memory = Object.fromEntries(memoryNames.map((name) => [name, outputs[name]!]))
      return onnxModel(decoder, memory, outputs, states, images, config.vocabularySize, alignment && attends)
    },
    async close() {
      await encoder.close()
      await decoder.close()
    },
  }
}

function onnxModel(
  session: GraphSession,
  memory: Readonly<Record<string, GraphTensor>>,
  started: Readonly<Record<string, GraphTensor>>,
  states: readonly string[],
  images: number,
  vocabularySize: number,
  alignment: boolean,
): PhotoModel {
  const taken = (outputs: Readonly<Record<string, GraphTensor>>): OnnxState => ({
    values: Object.fromEntries(states.map((name) => [name, outputs[after(name)]!])),
  })
  const run = (tokens: Int32Array, state: unknown, bias: Float32Array, wanted: readonly string[]) => {
    const { values, parents } = state as OnnxState
    const dims = [images, tokens.length / images]
    return session.run(
      {
        tokens: { data: tokens, dims },
        parents: { data: parents ?? new Int32Array(tokens.length), dims },
        bias: { data: bias, dims: [vocabularySize] },
        ...memory,
        ...values,
      },
      [...wanted, ...states.map(after), ...(alignment ? ['alignment'] : [])],
    )
  }
  const looked = (outputs: Readonly<Record<string, GraphTensor>>) =>
    alignment ? { alignment: outputs.alignment!.data as Float32Array } : {}
  const rows: PhotoModel['rows'] = async (tokens, state, bias) => {
    const outputs = await run(tokens, state, bias, ['logProbs'])
    return { logProbs: outputs.logProbs!.data as Float32Array, ...looked(outputs), state: taken(outputs) }
  }
  return {
    images,
    vocabularySize,
    start: async () => taken(started),
    rows,
    async step(tokens, state, k, bias) {
      if (k > MOST_CONTINUATIONS) {
        const { logProbs, state: next, ...where } = await rows(tokens, state, bias)
        return { state: next, continuations: { ...bestOfRows(logProbs, vocabularySize, k), ...where } }
      }
      const outputs = await run(tokens, state, bias, ['values', 'indices'])
      const given = Math.min(MOST_CONTINUATIONS, vocabularySize)
      return {
        state: taken(outputs),
        continuations: {
          tokens: firstOfRows(outputs.indices!.data as Int32Array, given, k),
          logProbs: firstOfRows(outputs.values!.data as Float32Array, given, k),
          ...looked(outputs),
        },
      }
    },
    select: (state, parents) => ({ values: (state as OnnxState).values, parents }),
    release: () => {},
    dispose: () => {},
  }
}

/** Outputs [images, ...] of several runs as those of one. */
function together(parts: readonly Record<string, GraphTensor>[]): Record<string, GraphTensor> {
  const [first] = parts as [Record<string, GraphTensor>]
  if (parts.length === 1) return first
  const outputs = Object.entries(first).map(([name, { dims }]) => {
    const tensors = parts.map((part) => part[name]!)
    const data = tensors.map((tensor) => tensor.data as Float32Array)
    const images = tensors.reduce((sum, tensor) => sum + tensor.dims[0]!, 0)
    return [name, { data: joined(Float32Array, data), dims: [images, ...dims.slice(1)] }] as const
  })
  return Object.fromEntries(outputs)
}

/** The first `k` entries of rows of `given`. */
function firstOfRows<A extends Float32Array | Int32Array>(values: A, given: number, k: number): A {
  if (given === k) return values
  const rows = values.length / given
  const kept = values.slice(0, rows * k) as A
  for (let row = 0; row < rows; row++) kept.set(values.subarray(row * given, row * given + k), row * k)
  return kept
}
