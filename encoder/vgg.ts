import type { Ops } from '../engine/ops.js'
import { type Array32, type Block, convolution, type Encoder } from './encoder.js'
import { checked, transposeFilter } from './fold.js'
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

interface VggWidth {
  /** Output channels of the first convolution. */
  readonly base: number
  /** Units of the fully connected layers. */
  readonly connected: number
}

const FULL: VggWidth = { base: 64, connected: 4096 }
/** Narrow enough to be trained from nothing on a small budget. */
export const EIGHTH: VggWidth = { base: 8, connected: 512 }

interface Layer {
  /** Of its stage. */
  readonly first: boolean
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
    stride: 16,
    grid: [14, 14],
    channels: 8 * base,
    range: 'measured',
    blocks: layers.map((layer) => {
      const block = convolutionBlock(layer)
      if (layer !== layers.at(-1)) return block
      return {
        ...block,
        run: (ops, weights, x) => ops.reshape(block.run(ops, weights, x), [0, -1, 8 * base]),
      }
    }),
    importWeights: (foreign) => importConvolutions(foreign, layers),
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
    blocks: [
      ...layers.map(convolutionBlock),
      connectedBlock('fc6', pooled, connected, (ops, x) => ops.reshape(ops.maxPool(x, 2, 2), [0, 1, pooled])),
      connectedBlock('fc7', connected, connected, (_, x) => x),
    ],
    classifier: 'classifier.6.weight',
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
  }
}

function layersOf(base: number): Layer[] {
  let position = 0
  let inputs = 3
  return STAGES.flatMap((stage, s) => {
    const layers = stage.map((factor, i) => {
      const outputs = factor * base
      const layer = {
        first: i === 0,
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

/** A convolution and its relu, after the pooling that lies before the first of a stage. */
function convolutionBlock({ ours, first, inputs, outputs }: Layer): Block {
  return {
    parameters: convolution(ours, [3, 3, inputs, outputs]),
    run(ops, weights, x) {
      const before = ours === 'conv1_1' ? standardise(ops, x, IMAGENET) : first ? ops.maxPool(x, 2, 2) : x
      return ops.relu(ops.conv2d(before, weights[`${ours}.filter`]!, weights[`${ours}.bias`]!, SAME))
    },
  }
}

/** A fully connected layer and its relu, [images, 1, inputs] → [images, 1, outputs]. */
function connectedBlock(
  layer: string,
  inputs: number,
  outputs: number,
  prepare: <T>(ops: Ops<T>, x: T) => T,
): Block {
  return {
    parameters: [
      {
        name: `${layer}.weight`,
        shape: [inputs, outputs],
        initializer: { uniform: Math.sqrt(6 / inputs) },
      },
      { name: `${layer}.bias`, shape: [outputs], initializer: { parts: [0] } },
    ],
    run: (ops, weights, x) =>
      ops.relu(ops.linear(prepare(ops, x), weights[`${layer}.weight`]!, weights[`${layer}.bias`]!)),
  }
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
