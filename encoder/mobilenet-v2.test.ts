import { describe, expect, it } from 'vitest'
import { largestDifference } from '../engine/fixtures/values.js'
import { Random } from '../random.js'
import type { Array32 } from './encoder.js'
import { tensorFlowExtractor } from './extractor.js'
import { convolve, fromPixels, map, type Planes, toRegions } from './fixtures/loops.js'
import { mobileNetV2 } from './mobilenet-v2.js'

const SIDE = 224

describe('mobileNetV2', () => {
  it('equals the network written out in loops', async () => {
    // Every layer but the last has the least number of channels, 8.
    const encoder = mobileNetV2('mobilenet-v2-0025', 0.025)
    const random = new Random('mobilenet')
    const weights = new Map<string, Array32>()
    const pixels = Uint8Array.from({ length: SIDE * SIDE * 3 }, () => random.below(256))
    const theirs = toRegions(inLoops(pixels, random, weights))

    const extractor = await tensorFlowExtractor(
      encoder,
      encoder.importWeights((name) => weights.get(name)!),
      'wasm',
    )
    const ours = await extractor.features(pixels, 1)
    await extractor.dispose()
    expect(Math.max(...theirs)).toBeGreaterThan(1)
    expect(largestDifference(ours, theirs)).toBeLessThan(1e-3)
  })

  it.each([
    [1, 'Expected shape [32, 3, 3, 3] for features.0.0.weight but received [8, 3, 3, 3]'],
    [0.35, 'Expected shape [16, 3, 3, 3] for features.0.0.weight but received [8, 3, 3, 3]'],
  ])('of width %s names the weight of another width', (width, message) => {
    const stem = { shape: [8, 3, 3, 3], data: new Float32Array(8 * 27) }
    expect(() => mobileNetV2('any', width).importWeights(() => stem)).toThrow(message)
  })

  it('widens the last layer only from 1 up', () => {
    expect(mobileNetV2('any', 0.35).channels).toBe(1280)
    expect(mobileNetV2('any', 1.4).channels).toBe(1792)
  })

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses a width of %s', (width) => {
    expect(() => mobileNetV2('any', width)).toThrow(
      `Expected a number above 0 for width but received ${width}`,
    )
  })
})

/** The layers in the order and under the names of torchvision; weights are drawn where they are used. */
function inLoops(pixels: Uint8Array, random: Random, weights: Map<string, Array32>): Planes {
  const draw = (name: string, shape: readonly number[], next: () => number): Array32 => {
    const length = shape.reduce((product, size) => product * size, 1)
    const weight = { shape, data: Float32Array.from({ length }, next) }
    weights.set(name, weight)
    return weight
  }
  const layer = (
    x: Planes,
    [convolution, norm]: readonly [string, string],
    [outputs, inputs, kernel]: readonly [number, number, number],
    { stride = 1, groups = 1, activation = true },
  ): Planes => {
    const deviation = Math.sqrt(2 / (inputs * kernel * kernel))
    const filter = draw(
      `${convolution}.weight`,
      [outputs, inputs, kernel, kernel],
      () => deviation * random.normal(),
    )
    const part = (name: string, next: () => number): Float32Array =>
      draw(`${norm}.${name}`, [outputs], next).data
    const scale = part('weight', () => 0.8 + 0.4 * random.uniform())
    const shift = part('bias', () => 0.2 * random.normal())
    const mean = part('running_mean', () => 0.2 * random.normal())
    const variance = part('running_var', () => 0.5 + random.uniform())
    return map(convolve(x, filter, { stride, padding: (kernel - 1) / 2, groups }), (value, c) => {
      const normal = ((value - mean[c]!) / Math.sqrt(variance[c]! + 1e-5)) * scale[c]! + shift[c]!
      return activation ? Math.min(6, Math.max(0, normal)) : normal
    })
  }

  const mean = [0.485, 0.456, 0.406]
  const deviation = [0.229, 0.224, 0.225]
  let x = map(fromPixels(pixels, SIDE, 3), (value, c) => (value / 255 - mean[c]!) / deviation[c]!)
  x = layer(x, ['features.0.0', 'features.0.1'], [8, 3, 3], { stride: 2 })
  // The first block expands nothing and starts its numbering a step earlier. Eight channels go in and out of each
  // block, so each of stride 1 has a shortcut.
  STRIDES.forEach((stride, b) => {
    const conv = `features.${b + 1}.conv`
    const entry = x
    const inner = b === 0 ? 8 : 48
    const at = b === 0 ? 0 : 1
    if (b > 0) x = layer(x, [`${conv}.0.0`, `${conv}.0.1`], [inner, 8, 1], {})
    x = layer(x, [`${conv}.${at}.0`, `${conv}.${at}.1`], [inner, 1, 3], { stride, groups: inner })
    x = layer(x, [`${conv}.${at + 1}`, `${conv}.${at + 2}`], [8, inner, 1], { activation: false })
    if (stride === 1) x = { ...x, data: x.data.map((value, i) => value + entry.data[i]!) }
  })
  return layer(x, ['features.18.0', 'features.18.1'], [1280, 8, 1], {})
}

/** Of the seventeen blocks (Sandler et al. 2018, table 2). */
const STRIDES = [1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1]
