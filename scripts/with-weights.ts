import type { Backend } from '../engine/backends.js'
import type { Parameter } from '../engine/ops.js'
import type { SafetensorsFile } from '../engine/safetensors.js'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'

/** A bundle of language on an engine, for as long as `use` takes. */
export async function withWeights<R>(
  { model, weights }: { model: { parameters: readonly Parameter[] }; weights: SafetensorsFile },
  engine: Backend | 'auto',
  use: (ops: TensorFlowOps, weights: Record<string, Tensor>) => Promise<R>,
): Promise<R> {
  await useBackend(engine)
  const ops = new TensorFlowOps()
  const tensors = ops.tensors(model.parameters, (name) => weights.float32(name).data)
  try {
    return await use(ops, tensors)
  } finally {
    ops.dispose(Object.values(tensors))
  }
}
