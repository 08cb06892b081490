import { beforeAll, describe, expect, it } from 'vitest'
import { backends, tensorCount } from './fixtures/backends.js'
import { differentiate, expectGradients, probed } from './fixtures/differences.js'
import { fill, floats, scaled, type Values } from './fixtures/values.js'
import { useBackend } from './use-backend.js'

/** Numbers at least 1/2 apart from each other and 1/4 from every multiple of 1/2. */
function apart(...dims: number[]): Values {
  const size = dims.reduce((product, length) => product * length, 1)
  let at = 0
  // 101 steps further each time, a prime: neighbours are in no order.
  return fill(dims, () => (((at++ * 101) % size) - size / 2) / 2 + 0.25)
}

describe.each(backends)('gradients of images on %s', (backend) => {
  beforeAll(async () => {
    expect(await useBackend(backend)).toBe(backend)
  })

  it.each([
    { size: [5, 7], filter: [3, 3], stride: 1, padding: [1, 1, 1, 1] },
    { size: [6, 8], filter: [3, 3], stride: 2, padding: [0, 1, 0, 1] },
    { size: [7, 6], filter: [5, 3], stride: 2, padding: [2, 1, 0, 3] },
    { size: [4, 4], filter: [1, 1], stride: 1, padding: [0, 0, 0, 0] },
    { size: [6, 5], filter: [2, 2], stride: 4, padding: [0, 0, 0, 0] },
  ] as const)(
    'convolutions and padding: $size by $filter, stride $stride, padding $padding',
    ({ size, filter, stride, padding }) => {
      // Small, so that rounding is.
      const x = scaled(0.3, floats(2, ...size, 3))
      const convolution = { stride, padding }
      expectGradients({ x, filter: floats(...filter, 3, 4), bias: floats(4) }, (ops, { x, filter, bias }) =>
        probed(ops, ops.conv2d(x!, filter!, bias!, convolution)),
      )
      expectGradients({ x, filter: floats(...filter, 3, 1), bias: floats(3) }, (ops, { x, filter, bias }) =>
        probed(ops, ops.depthwiseConv2d(x!, filter!, bias!, convolution)),
      )
    },
  )

  it('relu6: nothing below 0 and above 6', () => {
    const x = apart(3, 12)
    expect(Math.max(...x.data)).toBeGreaterThan(6)
    expectGradients({ x }, (ops, { x }) => probed(ops, ops.relu6(x!)))
  })

  it.each([
    [2, 2],
    [3, 2],
    [2, 1],
  ])(
    'maxPool of %s, stride %s: windows side by side, overlapping, and a rest that none sees',
    (size, stride) => {
      expectGradients({ x: apart(2, 7, 5, 2) }, (ops, { x }) => probed(ops, ops.maxPool(x!, size, stride)))
    },
  )

  it('maxPool gives one of several that are largest everything', () => {
    const before = tensorCount()
    const { gradients } = differentiate({ x: fill([1, 4, 4, 1], () => 1) }, (ops, { x }) =>
      ops.sum(ops.reshape(ops.maxPool(x!, 2, 2), [-1]), 0),
    )
    expect([...gradients.x!].sort()).toEqual([...new Array(12).fill(0), ...new Array(4).fill(1)])
    expect(tensorCount()).toBe(before)
  })
})
