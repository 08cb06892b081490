import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { Random } from '../random.js'
import type { Array32 } from './encoder.js'
import { convolve, fromPixels, map, toRegions } from './fixtures/loops.js'
import { foldBatchNorm, transposeFilter } from './fold.js'

const SIDE = 7
const EPSILON = 1e-3

beforeAll(() => useBackend('cpu'))

describe('foldBatchNorm', () => {
  it('equals the convolution and the batch norm behind it', () => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.integer(),
          inputs: fc.integer({ min: 1, max: 4 }),
          outputs: fc.integer({ min: 1, max: 5 }),
          kernel: fc.constantFrom(1, 3, 5),
          stride: fc.constantFrom(1, 2),
          depthwise: fc.boolean(),
        }),
        ({ seed, inputs, outputs: free, kernel, stride, depthwise }) => {
          const random = new Random(seed)
          const outputs = depthwise ? inputs : free
          const weights = batchNormed(random, [outputs, depthwise ? 1 : inputs, kernel, kernel])
          const pixels = Float32Array.from({ length: SIDE * SIDE * inputs }, () => random.normal())
          const side = (kernel - 1) / 2

          const convolved = convolve(fromPixels(pixels, SIDE, inputs), weights['conv.weight']!, {
            stride,
            padding: side,
            groups: depthwise ? inputs : 1,
          })
          const part = (name: string, channel: number): number => weights[`norm.${name}`]!.data[channel]!
          const theirs = toRegions(
            map(
              convolved,
              (value, c) =>
                ((value - part('running_mean', c)) / Math.sqrt(part('running_var', c) + EPSILON)) *
                  part('weight', c) +
                part('bias', c),
            ),
          )

          const { filter, bias } = foldBatchNorm((name) => weights[name]!, 'conv', 'norm', EPSILON, depthwise)
          const ops = new TensorFlowOps()
          const tensor = ({ data, shape }: Array32): Tensor => ops.tensor(data, shape)
          const output = ops.scope(() => {
            const x = ops.tensor(pixels, [1, SIDE, SIDE, inputs])
            const convolution = { stride, padding: [side, side, side, side] } as const
            return depthwise
              ? ops.depthwiseConv2d(x, tensor(filter), tensor(bias), convolution)
              : ops.conv2d(x, tensor(filter), tensor(bias), convolution)
          })
          const ours = ops.read(output)
          expect(ours.length).toBe(theirs.length)
          theirs.forEach((value, i) => {
            expect(Math.abs(value - ours[i]!)).toBeLessThan(1e-4 * (1 + Math.abs(value)))
          })
        },
      ),
      { numRuns: 40 },
    )
  })

  it('names the batch norm that has another number of channels', () => {
    const weights = batchNormed(new Random(1), [3, 2, 1, 1])
    weights['norm.running_var'] = { shape: [2], data: new Float32Array(2) }
    expect(() => foldBatchNorm((name) => weights[name]!, 'conv', 'norm', EPSILON)).toThrow(
      'Expected 3 values for norm.running_var but received [2]',
    )
  })
})

describe('transposeFilter', () => {
  it('moves every value to its place', () => {
    const filter = { shape: [2, 3, 1, 2], data: Float32Array.from({ length: 12 }, (_, i) => i) }
    expect(transposeFilter(filter, false)).toEqual({
      shape: [1, 2, 3, 2],
      data: Float32Array.of(0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11),
    })
  })
})

function batchNormed(random: Random, shape: readonly number[]): Record<string, Array32> {
  const [outputs] = shape as [number]
  const values = (length: number, next: () => number): Float32Array => Float32Array.from({ length }, next)
  const normal = (): number => random.normal()
  const vector = (next: () => number): Array32 => ({ shape: [outputs], data: values(outputs, next) })
  return {
    'conv.weight': {
      shape,
      data: values(
        shape.reduce((a, b) => a * b),
        normal,
      ),
    },
    'norm.weight': vector(normal),
    'norm.bias': vector(normal),
    'norm.running_mean': vector(normal),
    'norm.running_var': vector(() => 0.01 + random.uniform()),
  }
}
