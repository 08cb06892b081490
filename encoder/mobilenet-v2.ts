import { expected } from '../errors.js'
import type { Encoder } from './encoder.js'
import { invertedResiduals } from './inverted-residuals.js'
import { IMAGENET } from './standardise.js'

/**
 * MobileNetV2 (Sandler et al. 2018, table 2) up to its last convolution, weights by the names of torchvision.
 * @param width multiplies the channels of every layer, of the last only from 1 up.
 * @throws ShowtellError INVALID_ARGUMENT for a width that is not above 0.
 */
export function mobileNetV2(name: string, width = 1): Encoder {
  if (!(width > 0 && Number.isFinite(width))) throw expected('a number above 0', 'width', width)
  return invertedResiduals({
    name,
    stem: channels(32 * width),
    stages: [
      [1, 3, 1, 1, channels(16 * width)],
      [2, 3, 2, 6, channels(24 * width)],
      [3, 3, 2, 6, channels(32 * width)],
      [4, 3, 2, 6, channels(64 * width)],
      [3, 3, 1, 6, channels(96 * width)],
      [3, 3, 2, 6, channels(160 * width)],
      [1, 3, 1, 6, channels(320 * width)],
    ],
    head: channels(1280 * Math.max(1, width)),
    standardisation: IMAGENET,
    padding: (kernel) => {
      const side = (kernel - 1) / 2
      return [side, side, side, side]
    },
    epsilon: 1e-5,
    names: {
      stem: ['features.0.0', 'features.0.1'],
      head: ['features.18.0', 'features.18.1'],
      block: (block, part, expanded) => {
        const layers = `features.${block + 1}.conv`
        const first = expanded ? 1 : 0
        if (part === 'expand') return [`${layers}.0.0`, `${layers}.0.1`]
        if (part === 'depthwise') return [`${layers}.${first}.0`, `${layers}.${first}.1`]
        return [`${layers}.${first + 1}`, `${layers}.${first + 2}`]
      },
      classifier: 'classifier.1.weight',
    },
  })
}

/** The multiple of 8 nearest to a width, 8 or more, and the next where that would lose more than a tenth. */
function channels(width: number): number {
  const nearest = Math.max(8, Math.floor((width + 4) / 8) * 8)
  return nearest < 0.9 * width ? nearest + 8 : nearest
}
