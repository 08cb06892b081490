import { setImmediate } from 'node:timers/promises'

/**
 * Photos that a captioner gives its encoder at once, and TensorFlow.js any: in a captioner more are no faster, and what is
 * worked out on the way takes 12 MB a photo in onnxruntime, more in TensorFlow.js.
 */
const ENCODED_AT_ONCE = 4

/**
 * What `run` gives of the parts of pixels uint8 [images, size, size, 3] that an encoder may be given. Between them the
 * process hears what else it is told.
 * @param signal ends it before the next part.
 * @throws the signal's reason.
 */
export async function fewAtOnce<Part>(
  pixels: Uint8Array,
  images: number,
  run: (pixels: Uint8Array, images: number) => Part | Promise<Part>,
  signal?: AbortSignal,
): Promise<Part[]> {
  const size = pixels.length / images
  const parts: Part[] = []
  for (let first = 0; first < images; first += ENCODED_AT_ONCE) {
    await setImmediate()
    signal?.throwIfAborted()
    const end = Math.min(first + ENCODED_AT_ONCE, images)
    parts.push(await run(pixels.subarray(first * size, end * size), end - first))
  }
  return parts
}

/** Arrays of one kind, one after the other; of a single one no copy is made. */
export function joined<A extends Float32Array | Uint8Array>(
  Kind: new (length: number) => A,
  parts: readonly A[],
): A {
  if (parts.length === 1) return parts[0]!
  const whole = new Kind(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
