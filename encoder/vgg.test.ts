import { describe, expect, it } from 'vitest'
import { largestDifference } from '../engine/fixtures/values.js'
import { Random } from '../random.js'
import { type Array32, type Encoder, parametersOf } from './encoder.js'
import { tensorFlowExtractor } from './extractor.js'
import { convolve, fromPixels, halve, map, type Planes, toRegions } from './fixtures/loops.js'
import { vgg16Conv5, vgg16Fc7 } from './vgg.js'

const SIDE = 224
const WIDTH = { base: 1, connected: 5 }
/** The position of each convolution in torchvision's list, its inputs and outputs at a base of 1. */
const CONVOLUTIONS = [
  [0, 3, 1],
  [2, 1, 1],
  [5, 1, 2],
  [7, 2, 2],
  [10, 2, 4],
  [12, 4, 4],
  [14, 4, 4],
  [17, 4, 8],
  [19, 8, 8],
  [21, 8, 8],
  [24, 8, 8],
  [26, 8, 8],
  [28, 8, 8],
] as const

const random = new Random('vgg')
const weights = new Map<string, Array32>()
for (const [layer, inputs, outputs] of CONVOLUTIONS) draw(`features.${layer}`, [outputs, inputs, 3, 3])
draw('classifier.0', [WIDTH.connected, 8 * 49])
draw('classifier.3', [WIDTH.connected, WIDTH.connected])
const pixels = Uint8Array.from({ length: SIDE * SIDE * 3 }, () => random.below(256))

describe('VGG-16', () => {
  const grid = gridInLoops()

  it('gives the relu of conv5_3', async () => {
    expect(await differenceOf(vgg16Conv5('vgg16-conv5', WIDTH), toRegions(grid))).toBeLessThan(1e-4)
  })

  it('gives the relu of fc7 as one region', async () => {
    const fc6 = connect(halve(grid).data, 'classifier.0')
    const encoder = vgg16Fc7('vgg16-fc7', WIDTH)
    expect(encoder).toMatchObject({ grid: [1, 1], channels: 5 })
    expect(await differenceOf(encoder, connect(fc6, 'classifier.3'))).toBeLessThan(1e-4)
  })

  it('is as wide as published unless told otherwise', () => {
    expect(vgg16Conv5('vgg16-conv5')).toMatchObject({ grid: [14, 14], channels: 512 })
    expect(vgg16Fc7('vgg16-fc7').channels).toBe(4096)
  })

  it('names the weight of another width', () => {
    const foreign = (name: string): Array32 => weights.get(name)!
    expect(() => vgg16Conv5('vgg16-conv5').importWeights(foreign)).toThrow(
      'Expected shape [64, 3, 3, 3] for features.0.weight but received [1, 3, 3, 3]',
    )
    expect(() => vgg16Fc7('any', { base: 1, connected: 6 }).importWeights(foreign)).toThrow(
      'Expected shape [6, 392] for classifier.0.weight but received [5, 392]',
    )
  })

  it('lists every weight in its blocks', () => {
    for (const encoder of [vgg16Conv5('conv5', WIDTH), vgg16Fc7('fc7', WIDTH)]) {
      const imported = encoder.importWeights((name) => weights.get(name)!)
      expect(parametersOf(encoder.blocks).map(({ name, shape }) => [name, shape])).toEqual(
        Object.entries(imported).map(([name, { shape }]) => [name, shape]),
      )
    }
  })
})

function draw(layer: string, shape: readonly number[]): void {
  const length = shape.reduce((product, size) => product * size, 1)
  const deviation = Math.sqrt((2 * shape[0]!) / length)
  weights.set(`${layer}.weight`, {
    shape,
    data: Float32Array.from({ length }, () => deviation * random.normal()),
  })
  // Mostly above zero: a layer this narrow would soon be dead.
  weights.set(`${layer}.bias`, {
    shape: [shape[0]!],
    data: Float32Array.from({ length: shape[0]! }, () => 0.5 + 0.5 * random.normal()),
  })
}

function gridInLoops(): Planes {
  const mean = [0.485, 0.456, 0.406]
  const deviation = [0.229, 0.224, 0.225]
  let x = map(fromPixels(pixels, SIDE, 3), (value, c) => (value / 255 - mean[c]!) / deviation[c]!)
  for (const [layer] of CONVOLUTIONS) {
    if ([5, 10, 17, 24].includes(layer)) x = halve(x)
    const bias = weights.get(`features.${layer}.bias`)!.data
    const summed = convolve(x, weights.get(`features.${layer}.weight`)!, { padding: 1 })
    x = map(summed, (value, c) => Math.max(0, value + bias[c]!))
  }
  return x
}

/** A fully connected layer and relu on an image flattened channel by channel, as torch.flatten does. */
function connect(inputs: Float64Array, layer: string): Float64Array {
  const { data } = weights.get(`${layer}.weight`)!
  return Float64Array.from(weights.get(`${layer}.bias`)!.data, (bias, o) =>
    Math.max(
      0,
      inputs.reduce((sum, value, i) => sum + value * data[o * inputs.length + i]!, bias),
    ),
  )
}

/** How far it is apart where it is furthest, as a share of the largest value. */
async function differenceOf(encoder: Encoder, theirs: Float64Array): Promise<number> {
  const imported = encoder.importWeights((name) => weights.get(name)!)
  const extractor = await tensorFlowExtractor(encoder, imported, 'wasm')
  const ours = await extractor.features(pixels, 1)
  await extractor.dispose()
  const largest = Math.max(...theirs)
  expect(largest).toBeGreaterThan(0.1)
  return largestDifference(ours, theirs) / largest
}
