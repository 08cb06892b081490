import { describe, expect, it } from 'vitest'
import { Random } from '../random.js'
import { followers, textSignals, tracesOf } from './hidden.js'

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

describe('followers', () => {
  it('are found among units of noise, whichever way they turn, those that never change left out', () => {
    const random = new Random('units')
    const values = Float32Array.from({ length: 200 }, () => random.below(2))
    const units = Array.from({ length: 30 }, (_, unit) => ({
      name: `cell ${unit}`,
      values: values.map((value) => {
        if (unit === 3) return 0.5
        return (unit === 7 ? -0.8 * value : 0) + 0.1 * random.normal()
      }),
    }))
    const best = followers(units, { name: 'bits', values }, 30)
    expect(best).toHaveLength(29)
    expect(best[0]!.unit).toBe(7)
    expect(best[0]!.correlation).toBeLessThan(-0.9)
    expect(Math.abs(best[1]!.correlation)).toBeLessThan(0.4)
    expect(followers(units, { name: 'nothing', values: values.fill(1) }, 5)).toEqual([])
  })
})

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
