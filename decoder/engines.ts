import { BACKENDS, type Backend, type Engine } from '../engine/backends.js'
import { onEngine } from '../engine/session.js'
import { expected } from '../errors.js'
import { type Bundle, isGraph } from './bundle.js'
import { onnxRuntime } from './onnx-runtime.js'
import type { Runtime } from './runtime.js'

/** Opens a bundle on an engine, and says which one and why. @throws ShowtellError ENGINE_UNAVAILABLE, INVALID_BUNDLE. */
export async function openRuntime(
  bundle: Bundle,
  { engine, threads }: { engine: Engine; threads: number },
): Promise<{ runtime: Runtime; engine: string }> {
  const onnx = async () => ({ runtime: await onnxRuntime(bundle, threads), engine: 'onnx' })
  const tensorFlow = async (backend: Backend | 'auto', reason = '') => {
    // Loaded only where it is needed: TensorFlow.js takes a second to load.
    const { tensorFlowRuntime } = await import('./tensorflow-runtime.js')
    const runtime = await tensorFlowRuntime(bundle, backend)
    return { runtime, engine: `TensorFlow.js ${runtime.engine}${reason}` }
  }
  if (isGraph(bundle.encoder)) {
    const why = `${bundle.encoder.name} is a graph that TensorFlow.js alone runs`
    if (engine === 'onnx') throw expected(`one of auto, ${BACKENDS.join(', ')} (${why})`, 'engine', engine)
    return tensorFlow(engine, engine === 'auto' ? `, because ${why}` : '')
  }
  return onEngine(engine, onnx, tensorFlow)
}
