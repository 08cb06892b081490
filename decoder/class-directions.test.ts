import { beforeAll, describe, expect, it } from 'vitest'
import { initialize } from '../engine/initialize.js'
import { useBackend } from '../engine/use-backend.js'
import { Random } from '../random.js'
import { classDirections, initialWeights } from './class-directions.js'
import { Decoder } from './decoder.js'
import { TINY } from './fixtures/tiny.js'

beforeAll(() => useBackend('cpu'))

const random = new Random(1, 'classes')
const matrix = (rows: readonly (readonly number[])[]) => ({
  shape: [rows.length, rows[0]!.length],
  data: Float32Array.from(rows.flat()),
})
const cosine = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  const dot = (x: ArrayLike<number>, y: ArrayLike<number>) =>
    Array.from(x, (value, i) => value * y[i]!).reduce((sum, value) => sum + value, 0)
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}
const fromMean = (rows: readonly (readonly number[])[]): number[][] =>
  rows.map((row) =>
    row.map((value, i) => value - rows.reduce((sum, other) => sum + other[i]!, 0) / rows.length),
  )

describe('the directions of classes', () => {
  it('are the classes themselves where there are as many', () => {
    const rows = Array.from({ length: 6 }, () => Array.from({ length: 8 }, () => random.normal()))
    const found = classDirections(matrix(rows), 6)
    for (const row of fromMean(rows)) {
      const best = Math.max(...found.map((direction) => cosine(direction, row)))
      expect(best).toBeCloseTo(1, 5)
    }
    for (const direction of found) expect(Math.hypot(...direction)).toBeCloseTo(1, 5)
  })

  it('are the middles of classes that are alike where there are fewer', () => {
    const kinds = [0, 1, 2].map(() => Array.from({ length: 8 }, () => 3 * random.normal()))
    const rows = Array.from({ length: 30 }, (_, i) =>
      kinds[i % 3]!.map((value) => 5 + value + 0.1 * random.normal()),
    )
    const centred = fromMean(rows)
    const found = classDirections(matrix(rows), 3)
    for (const kind of [0, 1, 2]) {
      // Each class counts alike, however long its vector.
      const units = centred
        .filter((_, i) => i % 3 === kind)
        .map((row) => row.map((v) => v / Math.hypot(...row)))
      const middle = units[0]!.map((_, i) => units.reduce((sum, row) => sum + row[i]!, 0))
      expect(Math.max(...found.map((direction) => cosine(direction, middle)))).toBeCloseTo(1, 5)
    }
  })
})

describe('a decoder before training', () => {
  const decoder = new Decoder({ ...TINY, channels: 8 })
  const { regionSize, channels } = decoder.config

  it('sees a region by its classes, and else begins as ever', () => {
    const rows = Array.from({ length: 4 }, () => Array.from({ length: channels }, () => random.normal()))
    const plain = initialize(decoder.parameters, 7)
    const { 'region.w': region, ...others } = initialWeights(decoder, 7, matrix(rows))
    const { 'region.w': noise, ...expected } = plain
    expect(others).toEqual(expected)
    const column = (weights: Float32Array, at: number) =>
      Array.from({ length: channels }, (_, channel) => weights[channel * regionSize + at]!)
    const directions = classDirections(matrix(rows), 4)
    for (let at = 0; at < regionSize; at++)
      if (at < 4) {
        expect(cosine(column(region!, at), directions[at]!)).toBeCloseTo(1, 5)
        expect(Math.hypot(...column(region!, at))).toBeCloseTo(Math.sqrt(16 / (8 + regionSize)), 5)
      } else expect(column(region!, at)).toEqual(column(noise!, at))
  })

  it('begins with noise where no classes are known', () => {
    expect(initialWeights(decoder, 7, undefined)).toEqual(initialize(decoder.parameters, 7))
  })

  it('refuses the classes of another encoder', () => {
    expect(() => initialWeights(decoder, 7, matrix([[1, 2, 3]]))).toThrow(
      'Expected a classifier of 8 channels for the encoder but received 3',
    )
  })
})
