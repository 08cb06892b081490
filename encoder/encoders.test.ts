import { beforeAll, describe, expect, it } from 'vitest'
import { initialize } from '../engine/initialize.js'
import { TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { Random } from '../random.js'
import { parametersOf, runBlocks } from './encoder.js'
import { ENCODERS, encoderByName, statedSize } from './encoders.js'

const NAME = 'vgg16-conv5-eighth'

describe('the size of photos', () => {
  beforeAll(() => useBackend('wasm'))

  it('is the encoder’s own where none is asked for, and is stated where it is another', () => {
    for (const [name, encoder] of Object.entries(ENCODERS)) {
      expect(encoderByName(name)).toBe(encoder)
      expect(encoderByName(name, 224)).toBe(encoder)
      expect(statedSize(encoder)).toEqual({})
    }
    expect(statedSize(encoderByName(NAME, 256))).toEqual({ imageSize: 256 })
  })

  it.each([
    ['efficientnet-lite2', 256, 8],
    ['mobilenet-v2', 288, 9],
    ['vgg16-conv5', 240, 15],
  ])('of %s may be %d, for a grid of %d', (name, imageSize, side) => {
    expect(encoderByName(name, imageSize)).toMatchObject({ imageSize, grid: [side, side] })
  })

  it.each([
    ['efficientnet-lite2', 240, 'a multiple of 32 from 64 to 768'],
    ['efficientnet-lite0', 32, 'a multiple of 32 from 64 to 768'],
    ['vgg16-conv5', 784, 'a multiple of 16 from 64 to 768'],
    ['vgg16-fc7', 256, '224'],
  ])('of %s may not be %d', (name, size, wanted) => {
    expect(() => encoderByName(name, size)).toThrow(
      `Expected ${wanted} for imageSize of ${name} but received ${size}`,
    )
  })

  it('changes nothing of what a region shows that lies within the smaller photo', () => {
    const random = new Random('photo')
    const large = Uint8Array.from({ length: 256 * 256 * 3 }, () => random.below(256))
    const rows = Array.from({ length: 224 }, (_, row) => large.subarray(row * 256 * 3, (row * 256 + 224) * 3))
    const small = Uint8Array.from(rows.flatMap((row) => [...row]))
    const [before, after] = [featuresOf(small, 224), featuresOf(large, 256)]
    const channels = ENCODERS[NAME]!.channels
    expect([before.length, after.length]).toEqual([14 * 14 * channels, 16 * 16 * channels])
    // A region of conv5_3 sees 98 pixels to each side of its middle; that of the eighth one is at 120.
    expect(Math.max(...before)).toBeGreaterThan(0.1)
    for (let row = 0; row < 8; row++)
      for (let column = 0; column < 8 * channels; column++)
        expect(after[row * 16 * channels + column]).toBeCloseTo(before[row * 14 * channels + column]!, 4)
  })
})

function featuresOf(pixels: Uint8Array, size: number): Float32Array {
  const ops = new TensorFlowOps()
  const { blocks } = encoderByName(NAME, size)
  const parameters = parametersOf(blocks)
  const drawn = initialize(parameters, 1)
  return ops.scope(() => {
    const weights = ops.tensors(parameters, (name) => drawn[name]!)
    const input = ops.input(Int32Array.from(pixels), [1, size, size, 3])
    const features = ops.read(runBlocks(ops, blocks, weights, input)) as Float32Array
    ops.dispose(Object.values(weights))
    return features
  })
}
