import type { Encoder } from './encoder.js'
import { invertedResiduals, type Stage } from './inverted-residuals.js'

/**
 * EfficientNet-Lite (Tan and Le 2019; the Lite variant: no squeeze-and-excitation, relu6 for swish, stem and head of
 * fixed width) up to the head convolution. Weights by the names of efficientnet-lite-pytorch.
 */
function efficientNetLite(name: string, stages: readonly Stage[]): Encoder {
  return invertedResiduals({
    name,
    stem: 32,
    stages,
    head: 1280,
    standardisation: { mean: [127, 127, 127], deviation: [128, 128, 128] },
    padding: samePadding,
    epsilon: 1e-3,
    names: {
      stem: ['_conv_stem', '_bn0'],
      head: ['_conv_head', '_bn1'],
      block: (block, part) => {
        const norm = { expand: '_bn0', depthwise: '_bn1', project: '_bn2' }[part]
        return [`_blocks.${block}._${part}_conv`, `_blocks.${block}.${norm}`]
      },
      classifier: '_fc.weight',
    },
  })
}

/** TensorFlow's "same" for an even size: the odd pixel goes to the bottom and the right. */
function samePadding(kernel: number, stride: number): readonly [number, number, number, number] {
  const total = kernel - stride
  const before = Math.floor(total / 2)
  return [before, total - before, before, total - before]
}

/** Width 1.0, depth 1.0. */
export const efficientNetLite0 = efficientNetLite('efficientnet-lite0', [
  [1, 3, 1, 1, 16],
  [2, 3, 2, 6, 24],
  [2, 5, 2, 6, 40],
  [3, 3, 2, 6, 80],
  [3, 5, 1, 6, 112],
  [4, 5, 2, 6, 192],
  [1, 3, 1, 6, 320],
])

/** Width 1.1, depth 1.2. */
export const efficientNetLite2 = efficientNetLite('efficientnet-lite2', [
  [1, 3, 1, 1, 16],
  [3, 3, 2, 6, 24],
  [3, 5, 2, 6, 48],
  [4, 3, 2, 6, 88],
  [4, 5, 1, 6, 120],
  [5, 5, 2, 6, 208],
  [1, 3, 1, 6, 352],
])
