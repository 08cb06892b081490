import { describe, expect, it } from 'vitest'
import { Random } from '../random.js'
import { rankingsOf, textSignals, tracesOf } from './hidden.js'

const signal = (text: string, name: string): string =>
  Array.from(textSignals(Array.from(text)).find((one) => one.name === name)!.values, (value) =>
    value.toString(36),
  ).join('')

describe('what a unit may follow', () => {
  it('knows when a quotation is open', () => {
    const cases: [text: string, inside: string][] = [
      ['He said "yes" now', '00000000111110000'],
      ["He said 'yes.' now", '000000001111110000'],
      ["Don't, 'tis Tom's", '00000000000000000'],
      ['Said “yes”\n', '00000111110'],
      ['a "b\n\nc" d', '0000000000'],
      ['a "b\r\n\r\nc" d', '000000000000'],
      ['a "b\r\nc" d', '00111111'.padEnd(10, '0')],
      ['"a\nb." c', '11111100'],
      [`She said "get 'em now." Go`, '00000000011111111111111000'],
      ['He read "1984" today', '00000000111111000000'],
      [`"A 'b.' c." d`, '11111111111'.padEnd(13, '0')],
      ['He said ‘yes.’ now', '000000001111110000'],
      // An apostrophe closes nothing, inside a word or at its end.
      ['‘the dogs’ tails don’t.’ So', '111111111111111111111111000'],
      ['‘Twas Tom’s', '00000000000'],
      // An accent of its own is part of its letter.
      ['a “cafe\u0301” b', '00111111100'],
    ]
    for (const [text, inside] of cases) expect(signal(text, 'inside quotes'), text).toBe(inside)
  })

  it('counts the characters of a line and of a word', () => {
    expect(signal('ab c\n\nde', 'length of the line')).toBe('12340012')
    expect(signal('ab c\r\n\r\nd\re', 'length of the line')).toBe('12340000123')
    expect(signal("I can't 42\nö", 'position in a word')).toBe('101234501201')
    expect(signal('I can’t o\u0308l', 'position in a word')).toBe('10123450123')
  })
})

describe('rankings', () => {
  const noise = (count: number, tokens: number) =>
    Array.from({ length: count }, (_, unit) => {
      const random = new Random('noise', unit)
      return {
        name: `cell ${unit}`,
        values: Float32Array.from({ length: tokens }, () => 0.1 * random.normal()),
      }
    })

  it('find the unit that follows among units of noise, whichever way it turns, and no other', () => {
    const random = new Random('bits')
    const values = Float32Array.from({ length: 200 }, () => random.below(2))
    const units = noise(30, 200)
    units[3]!.values.fill(0.5)
    units[7]!.values.forEach((value, i) => {
      units[7]!.values[i] = value - 0.8 * values[i]!
    })
    const [bits, nothing] = rankingsOf(units, [
      { name: 'bits', values },
      { name: 'nothing', values: new Float32Array(200).fill(1) },
    ])
    expect(bits!.followers.map(({ unit }) => unit)).toEqual([7])
    expect(bits!.followers[0]!.correlation).toBeCloseTo(pearson(units[7]!.values, values), 6)
    expect(bits!.followers[0]!.correlation).toBeLessThan(-0.9)
    expect(nothing).toEqual({ name: 'nothing', chance: 0, followers: [] })
  })

  it('have nobody where units of noise are many and tokens few, though the best follow closely', () => {
    const units = noise(512, 8)
    const place = { name: 'place', values: Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7) }
    const named = { name: 'named', values: Float32Array.of(0, 1, 0, 0, 1, 0, 0, 1) }
    for (const { chance, followers } of rankingsOf(units, [place, named])) {
      expect(followers).toEqual([])
      expect(chance).toBeGreaterThan(0.85)
    }
    const best = Math.max(...units.map(({ values }) => Math.abs(pearson(values, place.values))))
    expect(best).toBeGreaterThan(0.8)
  })
})

/** Covariance over both deviations, by the sums of products. */
function pearson(a: Float32Array, b: Float32Array): number {
  const sum = (of: (i: number) => number) => a.reduce((total, _, i) => total + of(i), 0)
  const [n, x, y] = [a.length, sum((i) => a[i]!), sum((i) => b[i]!)]
  const product = (c: Float32Array, d: Float32Array) => n * sum((i) => c[i]! * d[i]!)
  return (product(a, b) - x * y) / Math.sqrt((product(a, a) - x * x) * (product(b, b) - y * y))
}

describe('traces', () => {
  it('are tanh of the cells, layer by layer, or hidden states as they are', () => {
    const lstm = tracesOf([
      { hidden: [0.1, 0.2], cell: [1, -2], hidden2: [0, 0], cell2: [0, 30] },
      { hidden: [0.1, 0.2], cell: [0.5, 0], hidden2: [0, 0], cell2: [0, 0] },
    ])
    expect(lstm.map(({ name }) => name)).toEqual(['cell 0', 'cell 1', 'cell2 0', 'cell2 1'])
    expect(lstm[1]!.values).toEqual(Float32Array.of(Math.tanh(-2), 0))
    expect(lstm[3]!.values[0]).toBe(1)
    expect(tracesOf([{ hidden: [0.25], said: [3] }])).toEqual([
      { name: 'hidden 0', values: Float32Array.of(0.25) },
    ])
  })
})
