import { BACKENDS } from '../engine/tensorflow.js'
import { expected, messageOf, ShowtellError } from '../errors.js'
import type { Bundle } from './bundle.js'
import { onnxRuntime } from './onnx-runtime.js'
import type { Runtime } from './runtime.js'
import { tensorFlowRuntime } from './tensorflow-runtime.js'

/** What a captioner may run on; `auto` is onnxruntime, or TensorFlow.js where that does not load. */
export const ENGINES = Object.freeze(['auto', 'onnx', ...BACKENDS] as const)
export type CaptionEngine = (typeof ENGINES)[number]

/** Opens a bundle on an engine, and says which one and why. @throws ShowtellError ENGINE_UNAVAILABLE, INVALID_BUNDLE. */
export async function openRuntime(
  bundle: Bundle,
  { engine, threads }: { engine: CaptionEngine; threads: number },
): Promise<{ runtime: Runtime; engine: string }> {
  if (!ENGINES.includes(engine)) throw expected(`one of ${ENGINES.join(', ')}`, 'engine', engine)
  if (engine !== 'auto' && engine !== 'onnx') {
    const runtime = await tensorFlowRuntime(bundle, engine)
    return { runtime, engine: `TensorFlow.js ${runtime.engine}` }
  }
  try {
    return { runtime: await onnxRuntime(bundle, threads), engine: 'onnx' }
  } catch (error) {
    const missing = error instanceof ShowtellError && error.code === 'ENGINE_UNAVAILABLE'
    if (engine === 'onnx' || !missing) throw error
    const runtime = await tensorFlowRuntime(bundle, 'auto')
    return { runtime, engine: `TensorFlow.js ${runtime.engine}, slower, because: ${messageOf(error)}` }
  }
}
