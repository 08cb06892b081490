import type { Ops, Padding, Weights } from '../engine/ops.js'
import type { Array32, Encoder } from './encoder.js'
import { foldBatchNorm } from './fold.js'
import { checked } from './foreign.js'
import { type Standardisation, standardise } from './standardise.js'

/** Repeats, kernel, stride of the first, expansion and output channels of the blocks of a stage. */
export type Stage = readonly [
  repeats: number,
  kernel: number,
  stride: number,
  expansion: number,
  channels: number,
]

export type Part = 'expand' | 'depthwise' | 'project'

/** What tells one family of these networks from another. */
export interface InvertedResiduals {
  readonly name: string
  /** Channels of the first convolution, 3 × 3 of stride 2. */
  readonly stem: number
  readonly stages: readonly Stage[]
  /** Channels of the last convolution, 1 × 1. */
  readonly head: number
  readonly standardisation: Standardisation
  readonly padding: (kernel: number, stride: number) => Padding
  /** Of the batch norms. */
  readonly epsilon: number
  /** What the weights' file calls the convolution and the batch norm of a layer. */
  readonly names: {
    readonly stem: readonly [convolution: string, norm: string]
    readonly head: readonly [convolution: string, norm: string]
    readonly block: (
      block: number,
      part: Part,
      expanded: boolean,
    ) => readonly [convolution: string, norm: string]
  }
}

interface Block {
  readonly kernel: number
  readonly stride: number
  readonly inputs: number
  /** Channels between; as many as inputs where nothing expands. */
  readonly inner: number
  readonly outputs: number
}

/**
 * A stack of inverted residual blocks (Sandler et al. 2018, "MobileNetV2", section 3.3): 1 × 1 expansion, depthwise
 * convolution and linear 1 × 1 projection, with a shortcut where the size stays; relu6 after all but the projection.
 * Features are those of the last convolution: 7 × 7 regions within [0, 6].
 */
export function invertedResiduals(family: InvertedResiduals): Encoder {
  const { head, standardisation, padding, names } = family
  const blocks = blocksOf(family)
  return {
    name: family.name,
    imageSize: 224,
    grid: [7, 7],
    channels: head,
    range: [0, 6],
    blocks: [
      ...blocks.map((block, b) => partsOf(block).flatMap((part) => pair(`block${b}.${part}`))),
      pair('head'),
    ],

    importWeights(foreign) {
      const weights: Record<string, Array32> = {}
      const take = (
        layer: string,
        [convolution, norm]: readonly [string, string],
        shape: readonly number[],
        depthwise = false,
      ): void => {
        const source = checked(foreign, { [`${convolution}.weight`]: shape })
        const { filter, bias } = foldBatchNorm(source, convolution, norm, family.epsilon, depthwise)
        weights[`${layer}.filter`] = filter
        weights[`${layer}.bias`] = bias
      }
      take('stem', names.stem, [family.stem, 3, 3, 3])
      blocks.forEach((block, b) => {
        const { kernel, inputs, inner, outputs } = block
        const shapes = {
          expand: [inner, inputs, 1, 1],
          depthwise: [inner, 1, kernel, kernel],
          project: [outputs, inner, 1, 1],
        }
        for (const part of partsOf(block))
          take(
            `block${b}.${part}`,
            names.block(b, part, inner !== inputs),
            shapes[part],
            part === 'depthwise',
          )
      })
      take('head', names.head, [head, blocks.at(-1)!.outputs, 1, 1])
      return weights
    },

    features<T>(ops: Ops<T>, weights: Weights<T>, pixels: T): T {
      const convolve = (x: T, layer: string, kernel: number, stride: number): T =>
        ops.conv2d(x, weights[`${layer}.filter`]!, weights[`${layer}.bias`]!, {
          stride,
          padding: padding(kernel, stride),
        })
      let x = ops.relu6(convolve(standardise(ops, pixels, standardisation), 'stem', 3, 2))
      blocks.forEach(({ kernel, stride, inputs, inner, outputs }, b) => {
        const entry = x
        if (inner !== inputs) x = ops.relu6(convolve(x, `block${b}.expand`, 1, 1))
        const layer = `block${b}.depthwise`
        x = ops.depthwiseConv2d(x, weights[`${layer}.filter`]!, weights[`${layer}.bias`]!, {
          stride,
          padding: padding(kernel, stride),
        })
        x = convolve(ops.relu6(x), `block${b}.project`, 1, 1)
        if (stride === 1 && inputs === outputs) x = ops.add(x, entry)
      })
      x = ops.relu6(convolve(x, 'head', 1, 1))
      return ops.reshape(x, [0, -1, head])
    },
  }
}

function blocksOf({ stem, stages }: InvertedResiduals): Block[] {
  let inputs = stem
  return stages.flatMap(([repeats, kernel, stride, expansion, outputs]) =>
    Array.from({ length: repeats }, (_, repeat) => {
      const block = { kernel, stride: repeat === 0 ? stride : 1, inputs, inner: inputs * expansion, outputs }
      inputs = outputs
      return block
    }),
  )
}

function partsOf({ inner, inputs }: Block): Part[] {
  return inner === inputs ? ['depthwise', 'project'] : ['expand', 'depthwise', 'project']
}

function pair(layer: string): string[] {
  return [`${layer}.filter`, `${layer}.bias`]
}
