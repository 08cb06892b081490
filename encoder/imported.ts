import { createHash } from 'node:crypto'
import { readSafetensors, toFloat16 } from '../engine/safetensors.js'
import type { Array32, Encoder } from './encoder.js'

/**
 * An encoder's weights out of a safetensors file with the names of the framework they come from.
 * @returns `classifier` [classes, channels], where the file has it.
 * @throws ShowtellError NOT_FOUND, INVALID_BUNDLE or INVALID_DATA naming the file or the weight.
 */
export async function importEncoder(
  encoder: Encoder,
  path: string,
): Promise<{ weights: Record<string, Array32>; classifier: Array32 | undefined }> {
  const file = await readSafetensors(path)
  const weights = encoder.importWeights((name) => file.float32(name))
  const { classifier } = encoder
  return {
    weights,
    classifier:
      classifier !== undefined && file.entries.has(classifier) ? file.float32(classifier) : undefined,
  }
}

/** sha256 of an encoder's weights as bundles keep them, in float16: the same for a bundle and for what it was made of. */
export function sumOf(weights: Readonly<Record<string, Array32>>): string {
  const hash = createHash('sha256')
  for (const name of Object.keys(weights).sort()) {
    const { shape, data } = weights[name]!
    hash.update(`${name} ${shape}\n`).update(toFloat16(data))
  }
  return hash.digest('hex')
}
