import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { readSafetensors } from '../engine/safetensors.js'
import type { Array32, Encoder } from './encoder.js'

/**
 * An encoder's weights out of a safetensors file with the names of the framework they come from.
 * @throws ShowtellError NOT_FOUND, INVALID_BUNDLE or INVALID_DATA naming the file or the weight.
 */
export async function importEncoder(
  encoder: Encoder,
  path: string,
): Promise<{ weights: Record<string, Array32>; sha256: string }> {
  const file = await readSafetensors(path)
  const weights = encoder.importWeights((name) => file.float32(name))
  const sha256 = createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
  return { weights, sha256 }
}
