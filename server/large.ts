import pLimit from 'p-limit'
import { DecodeMemory } from '../encoder/decode-memory.js'
import { checkImage, type ImageLimits } from '../encoder/image.js'
import { ShowtellError } from '../errors.js'

/**
 * What takes about a quarter of a second at most. Of formats that decode slowly it is the memory that tells; the pixels
 * are for JPEGs, the quickest, which take little: those of most phones and cameras stay within.
 */
const USUAL: ImageLimits = { pixels: 65_000_000, memory: new DecodeMemory(96 * 2 ** 20) }

/** Pixels a side that photos are decoded to, about: how much memory that takes hardly depends on it. */
const SIDE = 224

/** Photos looked at together, over all requests: Node.js has four threads for it. */
const looks = pLimit(4)

/**
 * Whether a photo takes longer to decode than others should wait for, by its head alone. A GIF of 35 kB may take as long as
 * fifty photos.
 * @throws the signal's reason, when nobody waits for the photo any more.
 */
export function isLarge(photo: Uint8Array, signal: AbortSignal): Promise<boolean> {
  return looks(async () => {
    signal.throwIfAborted()
    const refusal = await checkImage(photo, SIDE, USUAL).catch((error) => error)
    return refusal instanceof ShowtellError && refusal.code === 'IMAGE_TOO_LARGE'
  })
}
