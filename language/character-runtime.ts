import { join } from 'node:path'
import { type Backend, ENGINES, type Engine } from '../engine/backends.js'
import { after } from '../engine/onnx-graph.js'
import type { Weights } from '../engine/ops.js'
import { onEngine, openSession } from '../engine/session.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { expected } from '../errors.js'
import { numbersOf, type StateValues, tensorsOf } from '../rnn/truncated.js'
import { type CharacterBundle, STEP_GRAPH } from './character-bundle.js'
import type { CharacterModel } from './character-model.js'

/** By the names of the model's states, [rows, 1, size] each. */
export type TextState = StateValues['values']

/** A character model that runs. */
export interface CharacterRuntime {
  /** Which one, and why where it is slower. */
  readonly engine: string
  /** One character further: token ids [rows] → log-probabilities of the next [rows, vocabulary] and the state after. */
  step(tokens: Int32Array, state: TextState): Promise<{ logProbs: Float32Array; state: TextState }>
  close(): Promise<void>
}

/**
 * Opens a bundle on an engine; `auto` is onnxruntime, or TensorFlow.js where that does not load.
 * @throws ShowtellError INVALID_ARGUMENT for an engine that is none, ENGINE_UNAVAILABLE.
 */
export async function openCharacterRuntime(
  bundle: CharacterBundle,
  engine: Engine,
): Promise<CharacterRuntime> {
  if (!ENGINES.includes(engine)) throw expected(`one of ${ENGINES.join(', ')}`, 'engine', engine)
  return onEngine(
    engine,
    () => onnxRuntime(bundle),
    (backend, reason) => tensorFlowRuntime(bundle, backend, reason),
  )
}

async function onnxRuntime({ path, model }: CharacterBundle): Promise<CharacterRuntime> {
  const session = await openSession(join(path, STEP_GRAPH), { threads: 1 })
  return {
    engine: 'onnx',
    async step(tokens, state) {
      const rows = tokens.length
      const feeds = Object.entries(state).map(([name, data]) => [
        name,
        { data, dims: [rows, 1, model.stateSize] },
      ])
      const given = await session.run({
        ...Object.fromEntries(feeds),
        tokens: { data: tokens, dims: [rows, 1] },
      })
      return {
        logProbs: given.logProbs!.data as Float32Array,
        state: Object.fromEntries(
          model.states.map((name) => [name, given[after(name)]!.data as Float32Array]),
        ),
      }
    },
    close: () => session.close(),
  }
}

async function tensorFlowRuntime(
  { model, weights }: CharacterBundle,
  backend: Backend | 'auto',
  reason = '',
): Promise<CharacterRuntime> {
  // Loaded only where it is needed: TensorFlow.js takes a second to load.
  const { TensorFlowOps } = await import('../engine/tensorflow.js')
  const { useBackend } = await import('../engine/use-backend.js')
  const engine = `TensorFlow.js ${await useBackend(backend)}${reason}`
  const ops = new TensorFlowOps()
  const tensors = ops.tensors(model.parameters, (name) => weights.float32(name).data)
  return {
    engine,
    step: stepOf(ops, model, tensors),
    close: async () => ops.dispose(Object.values(tensors)),
  }
}

/** The step of a model in TensorFlow.js, of a bundle or in the midst of training. */
export function stepOf(
  ops: TensorFlowOps,
  model: CharacterModel,
  weights: Weights<Tensor>,
): CharacterRuntime['step'] {
  return async (tokens, state) => {
    const rows = tokens.length
    const done: Record<string, Tensor> = ops.scope(() => {
      const before = tensorsOf(ops, { rows, values: state })
      const step = model.step(ops, weights, ops.input(tokens, [rows, 1]), before)
      return { ...step.state, logProbs: step.logProbs }
    })
    const { logProbs, ...after } = numbersOf(ops, done)
    ops.dispose(Object.values(done))
    return { logProbs: logProbs!, state: after }
  }
}
