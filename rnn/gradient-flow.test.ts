import { beforeAll, describe, expect, it } from 'vitest'
import { backends, tensorCount } from '../engine/fixtures/backends.js'
import { useBackend } from '../engine/use-backend.js'
import { CELLS } from './cells.js'
import {
  factorOf,
  flowOverDepth,
  flowOverTime,
  linearCell,
  type Point,
  weightGradients,
} from './gradient-flow.js'

const STEPS = 30
const at = (points: readonly Point[], distance: number) => points.find(([d]) => d === distance)![1]

describe.each(backends)('gradient flow on %s', (backend) => {
  beforeAll(async () => {
    await useBackend(backend)
  })

  it.each([0.9, 1, 1.1])(
    'with identity activation and an orthogonal matrix times %s falls or grows by it',
    (radius) => {
      const before = tensorCount()
      const { hidden } = flowOverTime({ cell: linearCell, radius, seed: 1 }, STEPS)
      expect(tensorCount()).toBe(before)
      expect(hidden!.map(([distance]) => distance)).toEqual(Array.from({ length: STEPS }, (_, i) => i))
      for (const [distance, norm] of hidden!) expect(norm / radius ** distance).toBeCloseTo(1, 4)
      // Within 1 % of ln ρ; ln 1 is 0, and there it is 1 % of ln 1.1.
      const slope = Math.log(factorOf(hidden!))
      const tolerance = 0.01 * Math.max(Math.abs(Math.log(radius)), Math.log(1.1))
      expect(Math.abs(slope - Math.log(radius))).toBeLessThan(tolerance)
    },
  )
})

describe('gradient flow', () => {
  beforeAll(async () => {
    await useBackend('cpu')
  })

  it.each([0.5, 0.9, 1])('through tanh stays under its bound, the radius %s to the distance', (radius) => {
    const { hidden } = flowOverTime({ cell: 'rnn', radius, seed: 2 }, STEPS)
    for (const [distance, norm] of hidden!) expect(norm).toBeLessThanOrEqual(radius ** distance * (1 + 1e-5))
  })

  it('as training starts has the radius that Glorot gives a square of a longer matrix', () => {
    // Entries of variance 2 / (16 + 64 + 64): the eigenvalues of a square of 64 fill the disc of radius √(64 · 2 / 144).
    const { hidden } = flowOverTime({ cell: linearCell, seed: 1 }, STEPS)
    expect(factorOf(hidden!) / Math.sqrt((64 * 2) / 144)).toBeCloseTo(1, 1)
    // Peepholes start at 0.
    expect(flowOverTime({ cell: 'lstm-peephole', seed: 1 }, STEPS)).toEqual(
      flowOverTime({ cell: 'lstm', seed: 1 }, STEPS),
    )
  })

  it('explodes where the radius is large enough', () => {
    expect(factorOf(flowOverTime({ cell: 'rnn', radius: 4, seed: 1 }, STEPS).hidden!)).toBeGreaterThan(1.2)
  })

  it('goes round in the carousel unchanged, when nothing but the cell carries', () => {
    const { cell } = flowOverTime({ cell: 'lstm-carousel', radius: 0, seed: 1 }, STEPS)
    const [, first] = cell![0]!
    for (const [, norm] of cell!) expect(norm / first).toBeCloseTo(1, 5)
  })

  it('is kept by an LSTM the longer the larger its forget bias is', () => {
    const factors = [-2, 0, 1, 3, 6].map((forgetBias) =>
      factorOf(flowOverTime({ cell: 'lstm', radius: 0, forgetBias, seed: 1 }, STEPS).cell!),
    )
    expect(factors).toEqual(factors.toSorted((a, b) => a - b))
    // A gate of σ(b + something small) at each step.
    expect(factors[0]).toBeLessThan(0.3)
    expect(factors[4]).toBeGreaterThan(0.98)
    expect(factors[4]).toBeLessThan(1)
  })

  it('is kept so at radius 1 too, up to a bias of 3', () => {
    for (const seed of [1, 2]) {
      const flows = [-2, 0, 1, 3].map(
        (forgetBias) => flowOverTime({ cell: 'lstm', radius: 1, forgetBias, seed }, STEPS).hidden!,
      )
      for (const distance of [10, STEPS - 1]) {
        const norms = flows.map((points) => at(points, distance))
        expect(norms).toEqual(norms.toSorted((a, b) => a - b))
      }
    }
  })

  it.each(Object.keys(CELLS))('is measured for each state of %s', (cell) => {
    const flows = flowOverTime({ cell, radius: 1, seed: 1 }, 4)
    expect(Object.keys(flows)).toEqual(CELLS[cell]!.states)
    expect(at(flows.hidden!, 0)).toBeCloseTo(1, 5)
    for (const points of Object.values(flows)) {
      expect(points.at(-1)![0]).toBe(3)
      for (const [, norm] of points) expect(norm).toBeGreaterThan(0)
    }
  })

  it('through many layers is lost by plain ones and kept by residual and highway', () => {
    const [plain, residual, highway] = ['plain', 'residual', 'highway'].map((connection) => {
      const points = flowOverDepth({ cell: 'lstm', seed: 1 }, connection, [1, 2, 10])
      expect(points.map(([layers]) => layers)).toEqual([1, 2, 10])
      return points
    }) as [Point[], Point[], Point[]]
    expect(at(highway, 1)).toBe(at(plain, 1))
    expect(at(residual, 1)).toBe(at(plain, 1))
    expect(at(plain, 10) / at(plain, 1)).toBeLessThan(1e-3)
    expect(at(highway, 10) / at(highway, 1)).toBeGreaterThan(0.1)
    expect(at(residual, 10) / at(residual, 1)).toBeGreaterThan(0.5)
  })

  it.each([
    ['rnn', Math.sqrt(64 * (2 / 192))],
    // Two gates half open, and the fan of four gates: 64 + 64 + 4 · 64.
    ['lstm', Math.sqrt(64 * (2 / 384)) / 4],
    ['gru', Math.sqrt(64 * (2 / 192)) / 2],
  ])(
    'through a plain layer of %s is multiplied by what its matrix does to a vector, times its gates',
    (cell, factor) => {
      const points = flowOverDepth({ cell, seed: 1 }, 'plain', [2, 5, 10])
      expect(Math.abs(factorOf(points) / factor - 1)).toBeLessThan(0.05)
    },
  )

  it('makes the gradient of the weights grow with the length of the sequence', () => {
    const before = tensorCount()
    const norms = [20, 30].map((steps) => {
      const gradients = weightGradients({ cell: linearCell, radius: 1.1, seed: 1 }, steps)
      expect(Object.keys(gradients)).toEqual(['w', 'b'])
      return Math.hypot(...gradients.b!)
    })
    expect(tensorCount()).toBe(before)
    expect(norms[1]! / norms[0]!).toBeGreaterThan(1.5)
  })
})

describe('factorOf', () => {
  it('is what a geometric sequence is multiplied by, zeros left out', () => {
    const points = Array.from({ length: 20 }, (_, i): Point => [i, 3 * 0.7 ** i])
    expect(factorOf([...points, [20, 0]])).toBeCloseTo(0.7, 12)
  })
})
