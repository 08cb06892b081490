/**
 * The norm of all gradients together, and what to scale them by so that it is at most `limit` (Pascanu et al. 2013,
 * "On the difficulty of training recurrent neural networks", algorithm 1).
 */
export function clipping(
  gradients: Readonly<Record<string, Float32Array>>,
  limit: number,
): { readonly norm: number; readonly scale: number } {
  let sum = 0
  for (const values of Object.values(gradients))
    for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!
  const norm = Math.sqrt(sum)
  return { norm, scale: norm > limit ? limit / norm : 1 }
}
