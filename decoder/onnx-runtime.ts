import { join } from 'node:path'
import { type GraphSession, type GraphTensor, openSession } from '../engine/session.js'
import { type Bundle, DECODER_GRAPH, ENCODER_GRAPH } from './bundle.js'
import { after, MOST_CONTINUATIONS } from './export.js'
import type { PhotoModel, Runtime } from './runtime.js'

/** Photos that the encoder is given at once: more are no faster, and what it works out on the way is 12 MB a photo. */
const ENCODED_AT_ONCE = 4

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
    engine: 'onnx',
    async encode(pixels, images, alignment) {
      const parts: Record<string, GraphTensor>[] = []
      for (let first = 0; first < images; first += ENCODED_AT_ONCE) {
        const dims = [Math.min(ENCODED_AT_ONCE, images - first), size, size, 3]
        const [begin, end] = [first, first + dims[0]!].map((image) => image * size * size * 3)
        parts.push(await encoder.run({ pixels: { data: pixels.subarray(begin, end), dims } }, started))
      }
      const outputs = together(parts)
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
  const best = ['values', 'indices', ...states.map(after)]
  const whole = ['logProbs', ...states.map(after)]
  return {
    images,
    vocabularySize,
    start: async () => taken(started),
    async step(tokens, state, k, bias) {
      const { values, parents } = state as OnnxState
      const dims = [images, tokens.length / images]
      const row = k > MOST_CONTINUATIONS
      const outputs = await session.run(
        {
          tokens: { data: tokens, dims },
          parents: { data: parents ?? new Int32Array(tokens.length), dims },
          bias: { data: bias, dims: [vocabularySize] },
          ...memory,
          ...values,
        },
        [...(row ? whole : best), ...(alignment ? ['alignment'] : [])],
      )
      const found = row
        ? bestOfRows(outputs.logProbs!.data as Float32Array, vocabularySize, k)
        : { logProbs: outputs.values!.data as Float32Array, tokens: outputs.indices!.data as Int32Array }
      const given = row ? k : Math.min(MOST_CONTINUATIONS, vocabularySize)
      return {
        state: taken(outputs),
        continuations: {
          tokens: firstOfRows(found.tokens, given, k),
          logProbs: firstOfRows(found.logProbs, given, k),
          ...(alignment ? { alignment: outputs.alignment!.data as Float32Array } : {}),
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
  const joined = Object.entries(first).map(([name, { dims }]) => {
    const tensors = parts.map((part) => part[name]!)
    const data = new Float32Array(tensors.reduce((sum, tensor) => sum + tensor.data.length, 0))
    let at = 0
    for (const tensor of tensors) {
      data.set(tensor.data, at)
      at += tensor.data.length
    }
    const images = tensors.reduce((sum, tensor) => sum + tensor.dims[0]!, 0)
    return [name, { data, dims: [images, ...dims.slice(1)] }] as const
  })
  return Object.fromEntries(joined)
}

/** The first `k` entries of rows of `given`. */
function firstOfRows<A extends Float32Array | Int32Array>(values: A, given: number, k: number): A {
  if (given === k) return values
  const rows = values.length / given
  const kept = values.slice(0, rows * k) as A
  for (let row = 0; row < rows; row++) kept.set(values.subarray(row * given, row * given + k), row * k)
  return kept
}

/** The `k` largest entries of each row, falling; of equal ones the first come first. */
export function bestOfRows(
  logProbs: Float32Array,
  width: number,
  k: number,
): { logProbs: Float32Array; tokens: Int32Array } {
  const rows = logProbs.length / width
  const tokens = new Int32Array(rows * k)
  const values = new Float32Array(rows * k)
  for (let row = 0; row < rows; row++) {
    const scores = logProbs.subarray(row * width, (row + 1) * width)
    // Numbers are sorted by native code; only the best need their places sorted with them, which takes many times as long.
    const least = scores.slice().sort()[width - k]!
    const order: number[] = []
    scores.forEach((score, token) => {
      if (!(score < least)) order.push(token)
    })
    order.sort((a, b) => scores[b]! - scores[a]!)
    for (let i = 0; i < k; i++) {
      tokens[row * k + i] = order[i]!
      values[row * k + i] = scores[order[i]!]!
    }
  }
  return { logProbs: values, tokens }
}
