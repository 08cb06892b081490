import { expected } from '../errors.js'
import type { ForeignWeights } from './encoder.js'

/**
 * The same weights, those named in `shapes` held to their shape.
 * @throws ShowtellError INVALID_DATA naming the weight that has another.
 */
export function checked(
  foreign: ForeignWeights,
  shapes: Readonly<Record<string, readonly number[]>>,
): ForeignWeights {
  return (name) => {
    const weight = foreign(name)
    const shape = shapes[name]
    if (shape !== undefined && shape.join() !== weight.shape.join())
      throw expected(`shape [${shape.join(', ')}]`, name, weight.shape, 'INVALID_DATA')
    return weight
  }
}
