/**
 * Photos that a captioner gives its encoder at once, and TensorFlow.js any: in a captioner more are no faster, and what is
 * worked out on the way takes 12 MB a photo in onnxruntime, more in TensorFlow.js.
 */
const ENCODED_AT_ONCE = 4

/** Pixels uint8 [images, size, size, 3] in parts that an encoder may be given. */
export function* fewAtOnce(
  pixels: Uint8Array,
  images: number,
): Generator<{ readonly pixels: Uint8Array; readonly images: number }> {
  const size = pixels.length / images
  for (let first = 0; first < images; first += ENCODED_AT_ONCE) {
    const end = Math.min(first + ENCODED_AT_ONCE, images)
    yield { pixels: pixels.subarray(first * size, end * size), images: end - first }
  }
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
