import { expected } from '../errors.js'
import { efficientNetLite0, efficientNetLite2 } from './efficientnet.js'
import type { Encoder } from './encoder.js'
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

/** @throws ShowtellError INVALID_ARGUMENT for a name that has no row. */
export function encoderByName(name: string): Encoder {
  const encoder = Object.hasOwn(ENCODERS, name) ? ENCODERS[name] : undefined
  if (encoder === undefined) throw expected(`one of ${Object.keys(ENCODERS).join(', ')}`, 'encoder', name)
  return encoder
}
