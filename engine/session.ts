import { access } from 'node:fs/promises'
import { messageOf, ShowtellError } from '../errors.js'
import type { Backend, Engine } from './backends.js'

/** Numbers row by row with their shape; their type is that of the array. */
export interface GraphTensor {
  readonly data: Float32Array | Int32Array | Uint8Array
  readonly dims: readonly number[]
}

export interface GraphSession {
  readonly outputs: readonly string[]
  /**
   * Runs the graph on the calling thread. A tensor that came out may go in again, here or in another session, without
   * being copied. Without `outputs` all of them are worked out.
   * @throws ShowtellError INTERNAL when the graph does not accept what it is fed.
   */
  run(
    feeds: Readonly<Record<string, GraphTensor>>,
    outputs?: readonly string[],
  ): Promise<Record<string, GraphTensor>>
  close(): Promise<void>
}

/**
 * Loads a recorded graph into onnxruntime; its weights are found beside it.
 * @param threads that share the work of a run
 * @param spin microseconds that they stay awake for more work, for a graph that is run again at once; without it they do
 * during a run and not after it
 * @throws ShowtellError ENGINE_UNAVAILABLE when onnxruntime-node does not load, NOT_FOUND, or INVALID_BUNDLE when the
 * graph or its weights are not what onnxruntime can run.
 */
export async function openSession(
  path: string,
  { threads, spin }: { readonly threads: number; readonly spin?: number },
): Promise<GraphSession> {
  const { InferenceSession, Tensor } = await loadRuntime()
  const failed = (code: 'NOT_FOUND' | 'INVALID_BUNDLE', what: string) => (cause: unknown) => {
    throw new ShowtellError(code, `Expected ${what} at ${path} but ${messageOf(cause)}`, {
      where: path,
      cause,
    })
  }
  await access(path).catch(failed('NOT_FOUND', 'an ONNX model'))
  const session = await InferenceSession.create(path, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    // Threads that sleep between the operations of a run cost a third of its time; threads that go on spinning long
    // after it take a core from the other session and from whatever decodes the next photos.
    extra: {
      session:
        spin === undefined
          ? { intra_op: { allow_spinning: '1' }, force_spinning_stop: '1' }
          : { intra_op: { allow_spinning: '1', spin_duration_us: String(spin) } },
    },
  }).catch(failed('INVALID_BUNDLE', 'a graph that onnxruntime can run'))

  const asTensor = (value: GraphTensor): InstanceType<typeof Tensor> => {
    if (value instanceof Tensor) return value
    if (value.data instanceof Float32Array) return new Tensor('float32', value.data, value.dims)
    if (value.data instanceof Int32Array) return new Tensor('int32', value.data, value.dims)
    return new Tensor('uint8', value.data, value.dims)
  }

  return {
    outputs: session.outputNames,
    async run(feeds, outputs = session.outputNames) {
      try {
        const tensors = Object.entries(feeds).map(([name, value]) => [name, asTensor(value)] as const)
        // Every output of a graph of ours is float32, int32 or uint8.
        return (await session.run(Object.fromEntries(tensors), outputs)) as unknown as Record<
          string,
          GraphTensor
        >
      } catch (cause) {
        throw new ShowtellError('INTERNAL', `Expected ${path} to run but ${messageOf(cause)}`, {
          where: path,
          cause,
        })
      }
    },
    close: () => session.release(),
  }
}

/** What `onnx` gives, or, where onnxruntime-node does not load, what `other` gives, who is told the reason. */
export async function unlessMissing<R>(
  onnx: () => Promise<R>,
  other: (reason: string) => Promise<R>,
): Promise<R> {
  try {
    return await onnx()
  } catch (error) {
    if (error instanceof ShowtellError && error.code === 'ENGINE_UNAVAILABLE') return other(error.message)
    throw error
  }
}

/**
 * What the engine asked for gives; `auto` is onnxruntime, or TensorFlow.js where that does not load.
 * @param tensorFlow hears why it is taken in the place of what is faster, as the end of a sentence.
 */
export async function onEngine<R>(
  engine: Engine,
  onnx: () => Promise<R>,
  tensorFlow: (backend: Backend | 'auto', reason?: string) => Promise<R>,
): Promise<R> {
  if (engine === 'onnx') return onnx()
  if (engine !== 'auto') return tensorFlow(engine)
  return unlessMissing(onnx, (reason) => tensorFlow('auto', `, slower, because: ${reason}`))
}

async function loadRuntime(): Promise<typeof import('onnxruntime-node')> {
  // Since 1.29 it writes an identifier to the user's cache and sends Microsoft what it runs, unless this is set before.
  process.env.ORT_DISABLE_TELEMETRY ??= '1'
  try {
    return await import('onnxruntime-node')
  } catch (cause) {
    throw unavailable(cause)
  }
}

/** Why onnxruntime-node did not load. Installing it helps only where it is not there: it has few platforms' libraries. */
export function unavailable(cause: unknown): ShowtellError {
  const [why] = messageOf(cause).split('\n')
  const isMissing = /^Cannot find (package|module) 'onnxruntime-node'/.test(why!)
  const reason = isMissing
    ? `${why}; "npm install --ignore-scripts onnxruntime-node" installs it`
    : `it has no library for ${process.platform} ${process.arch} that loads: ${why}`
  return new ShowtellError('ENGINE_UNAVAILABLE', `Expected onnxruntime-node to load but ${reason}`, {
    where: 'onnxruntime-node',
    cause,
  })
}
