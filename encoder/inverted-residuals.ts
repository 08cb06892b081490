import type { Ops, Padding, Parameter, Weights } from '../engine/ops.js'
import { type Array32, convolution, type Encoder } from './encoder.js'
import { checked, foldBatchNorm } from './fold.js'
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
  /** What the weights' file calls the convolution and the batch norm of a layer, and the classifier's matrix. */
  readonly names: {
    readonly stem: readonly [convolution: string, norm: string]
    readonly head: readonly [convolution: string, norm: string]
    readonly block: (
      block: number,
      part: Part,
      expanded: boolean,
    ) => readonly [convolution: string, norm: string]
    readonly classifier: string
  }
}

/** A row of the table, worked out. */
interface Residual {
  readonly index: number
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
  const residuals = residualsOf(family)
  const last = residuals.at(-1)!
  return {
    name: family.name,
    imageSize: 224,
    stride: 32,
    grid: [7, 7],
    channels: head,
    range: [0, 6],
    blocks: residuals.map((residual) => ({
      parameters: [
        ...(residual.index === 0 ? convolution('stem', [3, 3, 3, family.stem]) : []),
        ...parametersOfResidual(residual),
        ...(residual === last ? convolution('head', [1, 1, last.outputs, head]) : []),
      ],
      run(ops, weights, input) {
        let x = input
        if (residual.index === 0)
          x = ops.relu6(
            convolve(ops, weights, standardise(ops, x, standardisation), 'stem', 2, padding(3, 2)),
          )
        x = runResidual(ops, weights, x, residual, padding)
        if (residual !== last) return x
        return ops.reshape(ops.relu6(convolve(ops, weights, x, 'head')), [0, -1, head])
      },
    })),
    classifier: names.classifier,

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
      for (const residual of residuals) {
        const { index, kernel, inputs, inner, outputs } = residual
        const shapes = {
          expand: [inner, inputs, 1, 1],
          depthwise: [inner, 1, kernel, kernel],
          project: [outputs, inner, 1, 1],
        }
        for (const part of partsOf(residual))
          take(
            `block${index}.${part}`,
            names.block(index, part, inner !== inputs),
            shapes[part],
            part === 'depthwise',
          )
      }
      take('head', names.head, [head, last.outputs, 1, 1])
      return weights
    },
  }
}

function parametersOfResidual(residual: Residual): Parameter[] {
  const { index, kernel, inputs, inner, outputs } = residual
  const filters = {
    expand: [1, 1, inputs, inner],
    depthwise: [kernel, kernel, inner, 1],
    project: [1, 1, inner, outputs],
  } as const
  return partsOf(residual).flatMap((part) =>
    convolution(`block${index}.${part}`, filters[part], part === 'depthwise'),
  )
}

function runResidual<T>(
  ops: Ops<T>,
  weights: Weights<T>,
  entry: T,
  { index, kernel, stride, inputs, inner, outputs }: Residual,
  padding: InvertedResiduals['padding'],
): T {
  const at = `block${index}`
  let x = entry
  if (inner !== inputs) x = ops.relu6(convolve(ops, weights, x, `${at}.expand`))
  x = ops.depthwiseConv2d(x, weights[`${at}.depthwise.filter`]!, weights[`${at}.depthwise.bias`]!, {
    stride,
    padding: padding(kernel, stride),
  })
  x = convolve(ops, weights, ops.relu6(x), `${at}.project`)
  return stride === 1 && inputs === outputs ? ops.add(x, entry) : x
}

function convolve<T>(
  ops: Ops<T>,
  weights: Weights<T>,
  x: T,
  layer: string,
  stride = 1,
  padding: Padding = [0, 0, 0, 0],
): T {
  return ops.conv2d(x, weights[`${layer}.filter`]!, weights[`${layer}.bias`]!, { stride, padding })
}

function residualsOf({ stem, stages }: InvertedResiduals): Residual[] {
  const residuals: Residual[] = []
  let inputs = stem
  for (const [repeats, kernel, first, expansion, outputs] of stages)
    for (let repeat = 0; repeat < repeats; repeat++) {
      const stride = repeat === 0 ? first : 1
      residuals.push({ index: residuals.length, kernel, stride, inputs, inner: inputs * expansion, outputs })
      inputs = outputs
    }
  return residuals
}

function partsOf({ inner, inputs }: Residual): Part[] {
  return inner === inputs ? ['depthwise', 'project'] : ['expand', 'depthwise', 'project']
}
