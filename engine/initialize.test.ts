import { describe, expect, it } from 'vitest'
import { initialize } from './initialize.js'
import type { Initializer } from './ops.js'

const one = (shape: number[], initializer: Initializer, seed = 1, name = 'w'): Float32Array =>
  initialize([{ name, shape, initializer }], seed)[name]!

describe('initialize', () => {
  it.each([
    [[40, 60], Math.sqrt(6 / 100)],
    [[3, 3, 20, 28], Math.sqrt(6 / 31)],
  ])('glorot fills %j uniformly within √(6 / (first + last))', (shape, limit) => {
    const values = one(shape, 'glorot')
    expect(values.length).toBe(shape.reduce((product, size) => product * size, 1))
    expectUniform(values, limit)
  })

  it('uniform keeps to its limit', () => {
    expectUniform(one([100, 30], { uniform: 0.1 }), 0.1)
  })

  it('parts gives each gate its number, in every row', () => {
    expect([...one([8], { parts: [0, 1, 0, 0] })]).toEqual([0, 0, 1, 1, 0, 0, 0, 0])
    expect([...one([2, 4], { parts: [3, -1] })]).toEqual([3, 3, -1, -1, 3, 3, -1, -1])
    expect([...one([3], { parts: [0] })]).toEqual([0, 0, 0])
  })

  it.each([
    [1, 1],
    [5, 1],
    [6, 4],
    [32, 2],
  ])('orthogonal: the columns of [%i, %i × as many] are blocks that keep every length and angle', (n, k) => {
    const values = one([n, k * n], 'orthogonal')
    const blocks: number[][] = []
    let error = 0
    for (let block = 0; block < k; block++) {
      const q = (r: number, c: number) => values[r * k * n + block * n + c]!
      blocks.push(Array.from({ length: n * n }, (_, i) => q(Math.floor(i / n), i % n)))
      for (let a = 0; a < n; a++)
        for (let b = 0; b < n; b++) {
          let rows = 0
          let columns = 0
          for (let i = 0; i < n; i++) {
            rows += q(a, i) * q(b, i)
            columns += q(i, a) * q(i, b)
          }
          const wanted = Number(a === b)
          error = Math.max(error, Math.abs(rows - wanted), Math.abs(columns - wanted))
        }
    }
    expect(error).toBeLessThan(1e-6)
    expect(new Set(blocks.map(String)).size, 'blocks that differ').toBe(k)
  })

  it('orthogonal has no preferred direction', () => {
    // Entries of a uniform rotation of n dimensions have mean 0 and variance 1 / n.
    const values = Array.from({ length: 400 }, (_, seed) => [...one([3, 3], 'orthogonal', seed)])
    for (let entry = 0; entry < 9; entry++) {
      const mean = values.reduce((sum, matrix) => sum + matrix[entry]!, 0) / values.length
      const square = values.reduce((sum, matrix) => sum + matrix[entry]! ** 2, 0) / values.length
      expect(Math.abs(mean), `mean of entry ${entry}`).toBeLessThan(0.12)
      expect(Math.abs(square - 1 / 3), `square of entry ${entry}`).toBeLessThan(0.07)
    }
  })

  it('depends on the seed and the name only, not on the parameters beside', () => {
    const w = { name: 'w', shape: [4, 4], initializer: 'glorot' } as const
    const q = { name: 'q', shape: [4, 8], initializer: 'orthogonal' } as const
    const both = initialize([w, q], 5)
    expect(Object.keys(both)).toEqual(['w', 'q'])
    expect(initialize([q, w], 5)).toEqual({ q: both.q, w: both.w })
    expect(initialize([w], 5).w).toEqual(both.w)
    expect(initialize([w], 6).w).not.toEqual(both.w)
    expect(initialize([{ ...w, name: 'v' }], 5).v).not.toEqual(both.w)
  })
})

function expectUniform(values: Float32Array, limit: number): void {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  expect(largest).toBeLessThanOrEqual(limit * (1 + 1e-7))
  expect(largest).toBeGreaterThan(0.99 * limit)
  expect(Math.abs(mean)).toBeLessThan(0.05 * limit)
  expect(Math.abs(variance / (limit ** 2 / 3) - 1)).toBeLessThan(0.05)
}
