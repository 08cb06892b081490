import { Random } from '../random.js'
import type { Tensor, TensorFlowOps } from './tensorflow.js'

export interface Dropout {
  /** Share that is dropped (Srivastava et al. 2014); whoever asks for a mask decides where. */
  readonly dropout: number
  readonly seed: number
  readonly step: number
}

/** 0 for what is dropped and 1 / (1 − rate) for the rest: a pure function of seed, step and layer. */
export function dropoutMask(
  { dropout, seed, step }: Dropout,
  layer: string,
  shape: readonly number[],
): Float32Array {
  const random = new Random(seed, 'dropout', step, layer)
  const kept = 1 / (1 - dropout)
  const limit = dropout * 4294967296
  const mask = new Float32Array(shape.reduce((product, size) => product * size, 1))
  for (let i = 0; i < mask.length; i++) mask[i] = random.integer() < limit ? 0 : kept
  return mask
}

/** A mask as a tensor of the scope around; none where nothing is dropped. */
export function drawnMask(
  ops: TensorFlowOps,
  by: Dropout | undefined,
  layer: string,
  shape: readonly number[],
): Tensor | undefined {
  return by?.dropout ? ops.input(dropoutMask(by, layer, shape), shape) : undefined
}
