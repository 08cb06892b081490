import type { Ops, Weights } from '../engine/ops.js'
import type { Array32, Encoder } from './encoder.js'
import { foldBatchNorm } from './fold.js'

/** Repeats, kernel, stride, expansion and output channels of a stage. */
type Stage = readonly [repeats: number, kernel: number, stride: number, expansion: number, channels: number]

interface Block {
  readonly kernel: number
  readonly stride: number
  readonly expansion: number
  readonly inputs: number
  readonly outputs: number
}

/**
 * EfficientNet-Lite (Tan and Le 2019; the Lite variant: no squeeze-and-excitation, relu6 for swish, stem and head of
 * fixed width) up to the head convolution. Weights by the names of efficientnet-lite-pytorch.
 */
function efficientNetLite(name: string, stages: readonly Stage[]): Encoder {
  const blocks = stages.flatMap(([repeats, kernel, stride, expansion, outputs], s): Block[] =>
    Array.from({ length: repeats }, (_, repeat) => ({
      kernel,
      stride: repeat === 0 ? stride : 1,
      expansion,
      inputs: repeat > 0 ? outputs : s === 0 ? STEM : stages[s - 1]![4],
      outputs,
    })),
  )
  return {
    name,
    imageSize: 224,
    grid: [7, 7],
    channels: HEAD,
    range: [0, 6],
    blocks: [
      ...blocks.map((block, b) =>
        (block.expansion === 1 ? ['depthwise', 'project'] : ['expand', 'depthwise', 'project']).flatMap(
          (part) => [`block${b}.${part}.filter`, `block${b}.${part}.bias`],
        ),
      ),
      ['head.filter', 'head.bias'],
    ],

    importWeights(foreign) {
      const weights: Record<string, Array32> = {}
      const take = (ours: string, convolution: string, norm: string, depthwise = false): void => {
        const { filter, bias } = foldBatchNorm(foreign, convolution, norm, 1e-3, depthwise)
        weights[`${ours}.filter`] = filter
        weights[`${ours}.bias`] = bias
      }
      take('stem', '_conv_stem', '_bn0')
      blocks.forEach((block, b) => {
        if (block.expansion !== 1) take(`block${b}.expand`, `_blocks.${b}._expand_conv`, `_blocks.${b}._bn0`)
        take(`block${b}.depthwise`, `_blocks.${b}._depthwise_conv`, `_blocks.${b}._bn1`, true)
        take(`block${b}.project`, `_blocks.${b}._project_conv`, `_blocks.${b}._bn2`)
      })
      take('head', '_conv_head', '_bn1')
      return weights
    },

    features<T>(ops: Ops<T>, weights: Weights<T>, pixels: T): T {
      const filter = (layer: string): T => weights[`${layer}.filter`]!
      const bias = (layer: string): T => weights[`${layer}.bias`]!
      const point = { stride: 1, padding: NONE } as const
      const centred = ops.sub(ops.cast(pixels, 'float32'), ops.constant([127], [], 'float32'))
      let x = ops.mul(centred, ops.constant([1 / 128], [], 'float32'))
      x = ops.relu6(ops.conv2d(x, filter('stem'), bias('stem'), { stride: 2, padding: samePadding(3, 2) }))
      blocks.forEach(({ kernel, stride, expansion, inputs, outputs }, b) => {
        const layer = (part: string): string => `block${b}.${part}`
        const entry = x
        if (expansion !== 1)
          x = ops.relu6(ops.conv2d(x, filter(layer('expand')), bias(layer('expand')), point))
        x = ops.relu6(
          ops.depthwiseConv2d(x, filter(layer('depthwise')), bias(layer('depthwise')), {
            stride,
            padding: samePadding(kernel, stride),
          }),
        )
        x = ops.conv2d(x, filter(layer('project')), bias(layer('project')), point)
        if (stride === 1 && inputs === outputs) x = ops.add(x, entry)
      })
      x = ops.relu6(ops.conv2d(x, filter('head'), bias('head'), point))
      return ops.reshape(x, [0, -1, HEAD])
    },
  }
}

const STEM = 32
const HEAD = 1280
const NONE = [0, 0, 0, 0] as const

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
