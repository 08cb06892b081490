import { expected } from '../errors.js'
import { efficientNetLite0, efficientNetLite2 } from './efficientnet.js'
import type { Encoder, EncoderShape } from './encoder.js'
import { mobileNetV2 } from './mobilenet-v2.js'
import { EIGHTH, vgg16Conv5, vgg16Fc7 } from './vgg.js'

/** Every encoder written in `Ops`; the name in a config is the key. */
export const ENCODERS: Readonly<Record<string, Encoder>> = Object.freeze({
  'efficientnet-lite0': efficientNetLite0,
  'efficientnet-lite2': efficientNetLite2,
  'mobilenet-v2': mobileNetV2('mobilenet-v2'),
  'vgg16-conv5': vgg16Conv5('vgg16-conv5'),
  'vgg16-fc7': vgg16Fc7('vgg16-fc7'),
  'vgg16-conv5-eighth': vgg16Conv5('vgg16-conv5-eighth', EIGHTH),
  'vgg16-fc7-eighth': vgg16Fc7('vgg16-fc7-eighth', EIGHTH),
})

/** Sides of photos. Beyond, one costs more than ten of the usual size. */
export const SMALLEST_SIZE = 64
export const LARGEST_SIZE = 768

/**
 * @param imageSize side of the square that photos become, the encoder's own when absent
 * @throws ShowtellError INVALID_ARGUMENT for a name that has no row, or a size that the encoder does not take.
 */
export function encoderByName(name: string, imageSize?: number): Encoder {
  const encoder = Object.hasOwn(ENCODERS, name) ? ENCODERS[name] : undefined
  if (encoder === undefined) throw expected(`one of ${Object.keys(ENCODERS).join(', ')}`, 'encoder', name)
  return imageSize === undefined || imageSize === encoder.imageSize ? encoder : sized(encoder, imageSize)
}

/** The same layers over more or fewer regions (Touvron et al. 2019, "Fixing the train-test resolution discrepancy"). */
function sized(encoder: Encoder, imageSize: number): Encoder {
  const { name, stride } = encoder
  if (stride === undefined) throw expected(`${encoder.imageSize}`, `imageSize of ${name}`, imageSize)
  if (imageSize % stride !== 0 || imageSize < SMALLEST_SIZE || imageSize > LARGEST_SIZE)
    throw expected(
      `a multiple of ${stride} from ${SMALLEST_SIZE} to ${LARGEST_SIZE}`,
      `imageSize of ${name}`,
      imageSize,
    )
  const side = imageSize / stride
  return { ...encoder, imageSize, grid: [side, side] }
}

/** What a config or a feature store says of the size of photos: nothing where it is the encoder's own. */
export function statedSize({ name, imageSize }: EncoderShape): { imageSize?: number } {
  const own = ENCODERS[name]?.imageSize ?? imageSize
  return imageSize === own ? {} : { imageSize }
}
