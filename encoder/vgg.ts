import type { Ops, Weights } from '../engine/ops.js'
import type { Array32, Encoder } from './encoder.js'
import { transposeFilter } from './fold.js'
import { checked } from './foreign.js'
import { IMAGENET, standardise } from './standardise.js'

/** Times the base width, the output channels of the convolutions of each stage; a pooling lies between two stages. */
const STAGES = [
  [1, 1],
  [2, 2],
  [4, 4, 4],
  [8, 8, 8],
  [8, 8, 8],
] as const
const SAME = { stride: 1, padding: [1, 1, 1, 1] } as const
/** Side of the grid that the fully connected layers see. */
const POOLED = 7

export interface VggWidth {
  /** Output channels of the first convolution. */
  readonly base: number
  /** Units of the fully connected layers. */
  readonly connected: number
}

const FULL: VggWidth = { base: 64, connected: 4096 }

interface Layer {
  readonly stage: number
  /** `conv5_3` is ours, `features.28` torchvision's, which counts relu and pooling as layers. */
  readonly ours: string
  readonly theirs: string
  readonly inputs: number
  readonly outputs: number
}

/**
 * VGG-16 (Simonyan and Zisserman 2015, configuration D) up to the relu of conv5_3: 14 × 14 regions, as attention over
 * convolutional features uses them (Xu et al. 2015, section 3.1.1). Weights by the names of torchvision.
 */
export function vgg16Conv5(name: string, { base } = FULL): Encoder {
  const layers = layersOf(base)
  return {
    name,
    imageSize: 224,
    grid: [14, 14],
    channels: 8 * base,
    range: 'measured',
    blocks: layers.map(({ ours }) => [`${ours}.filter`, `${ours}.bias`]),
    importWeights: (foreign) => importConvolutions(foreign, layers),
    features: (ops, weights, pixels) =>
      ops.reshape(convolutions(ops, weights, layers, pixels), [0, -1, 8 * base]),
  }
}

/**
 * VGG-16 without its last fully connected layer: one region, the relu of fc7, as image captioning took it before
 * attention (Karpathy and Fei-Fei 2015, section 3.1).
 */
export function vgg16Fc7(name: string, { base, connected } = FULL): Encoder {
  const layers = layersOf(base)
  const pooled = POOLED * POOLED * 8 * base
  return {
    name,
    imageSize: 224,
    grid: [1, 1],
    channels: connected,
    range: 'measured',
    blocks: [...layers.map(({ ours }) => ours), 'fc6', 'fc7'].map((layer) =>
      layer.startsWith('fc') ? [`${layer}.weight`, `${layer}.bias`] : [`${layer}.filter`, `${layer}.bias`],
    ),
    importWeights(foreign) {
      const source = checked(foreign, {
        'classifier.0.weight': [connected, pooled],
        'classifier.0.bias': [connected],
        'classifier.3.weight': [connected, connected],
        'classifier.3.bias': [connected],
      })
      return {
        ...importConvolutions(foreign, layers),
        'fc6.weight': transposeConnected(source('classifier.0.weight'), 8 * base),
        'fc6.bias': source('classifier.0.bias'),
        'fc7.weight': transposeConnected(source('classifier.3.weight'), connected),
        'fc7.bias': source('classifier.3.bias'),
      }
    },
    features<T>(ops: Ops<T>, weights: Weights<T>, pixels: T): T {
      const grid = ops.maxPool(convolutions(ops, weights, layers, pixels), 2, 2)
      let x = ops.reshape(grid, [0, 1, pooled])
      for (const layer of ['fc6', 'fc7'])
        x = ops.relu(ops.linear(x, weights[`${layer}.weight`]!, weights[`${layer}.bias`]!))
      return x
    },
  }
}

function layersOf(base: number): Layer[] {
  let position = 0
  let inputs = 3
  return STAGES.flatMap((stage, s) => {
    const layers = stage.map((factor, i) => {
      const outputs = factor * base
      const layer = {
        stage: s,
        ours: `conv${s + 1}_${i + 1}`,
        theirs: `features.${position}`,
        inputs,
        outputs,
      }
      inputs = outputs
      position += 2
      return layer
    })
    position += 1
    return layers
  })
}

function importConvolutions(
  foreign: (name: string) => Array32,
  layers: readonly Layer[],
): Record<string, Array32> {
  const weights: Record<string, Array32> = {}
  for (const { ours, theirs, inputs, outputs } of layers) {
    const source = checked(foreign, {
      [`${theirs}.weight`]: [outputs, inputs, 3, 3],
      [`${theirs}.bias`]: [outputs],
    })
    weights[`${ours}.filter`] = transposeFilter(source(`${theirs}.weight`), false)
    weights[`${ours}.bias`] = source(`${theirs}.bias`)
  }
  return weights
}

function convolutions<T>(ops: Ops<T>, weights: Weights<T>, layers: readonly Layer[], pixels: T): T {
  let x = standardise(ops, pixels, IMAGENET)
  layers.forEach(({ stage, ours }, i) => {
    if (i > 0 && layers[i - 1]!.stage !== stage) x = ops.maxPool(x, 2, 2)
    x = ops.relu(ops.conv2d(x, weights[`${ours}.filter`]!, weights[`${ours}.bias`]!, SAME))
  })
  return x
}

/**
 * A weight [out, in] as [in, out]. Inputs are a grid flattened channel by channel in the file and region by region
 * here, `channels` of them a region.
 */
function transposeConnected({ shape, data }: Array32, channels: number): Array32 {
  const [outputs, inputs] = shape as [number, number]
  const regions = inputs / channels
  const transposed = new Float32Array(data.length)
  let from = 0
  for (let output = 0; output < outputs; output++)
    for (let channel = 0; channel < channels; channel++)
      for (let region = 0; region < regions; region++)
        transposed[(region * channels + channel) * outputs + output] = data[from++]!
  return { shape: [inputs, outputs], data: transposed }
}
