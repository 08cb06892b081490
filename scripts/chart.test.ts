import { describe, expect, it } from 'vitest'
import { type Chart, drawCharts } from './chart.js'
import { elements } from './fixtures/rendered.js'

const CHART: Chart = {
  title: 'a < b & "c"',
  x: 'steps',
  y: 'loss',
  curves: [
    {
      name: '<first>',
      points: [
        [0, 10],
        [50, 1],
        [100, 100],
      ],
    },
    {
      name: 'second',
      points: [
        [0, 0],
        [50, Number.NaN],
        [100, 10],
      ],
      dashed: true,
    },
  ],
}

const curves = (svg: string) =>
  elements(svg, 'polyline').map((line) =>
    line
      .getAttribute('points')!
      .split(' ')
      .map((point) => point.split(',').map(Number) as [number, number]),
  )

describe('drawCharts', () => {
  it('spaces x evenly, and y with the larger above', () => {
    const [first, second] = curves(drawCharts([CHART]))
    const [left, middle, right] = first!.map(([x]) => x)
    expect(middle! - left!).toBeCloseTo(right! - middle!, 5)
    const [ten, one, hundred] = first!.map(([, y]) => y)
    expect(hundred).toBeLessThan(ten!)
    expect((one! - ten!) / (one! - hundred!)).toBeCloseTo(9 / 99, 2)
    // Both share the axes; what is no number is left out.
    expect(second!.map(([x]) => x)).toEqual([left, right])
    expect(second![1]![1]).toBe(ten)
  })

  it('logarithmic: each power of ten as high as the next, without what has no logarithm', () => {
    const [first, second] = curves(drawCharts([{ ...CHART, logarithmic: true }]))
    const [ten, one, hundred] = first!.map(([, y]) => y)
    expect(one! - ten!).toBeCloseTo(ten! - hundred!, 5)
    expect(second).toHaveLength(1)
  })

  it('cuts off what is beyond the range', () => {
    const svg = drawCharts([{ ...CHART, range: [0, 10] }])
    const [[, ten], , [, hundred]] = curves(svg)[0] as [[number, number], [number, number], [number, number]]
    const box = elements(svg, 'clipPath')[0]!.getElementsByTagName('rect')[0]!
    expect(ten).toBe(Number(box.getAttribute('y')))
    expect(hundred).toBeLessThan(ten)
    for (const line of elements(svg, 'polyline')) expect(line.getAttribute('clip-path')).toBe('url(#plot0)')
  })

  it('says what is shown: title, axes, names, round numbers', () => {
    const texts = elements(drawCharts([CHART]), 'text').map((text) => text.textContent)
    expect(texts).toEqual(expect.arrayContaining([CHART.title, 'steps', 'loss', '<first>', 'second']))
    expect(texts).toEqual(expect.arrayContaining(['0', '20', '40', '60', '80', '100']))
  })

  it('puts charts side by side, then below', () => {
    const svg = drawCharts([CHART, CHART, CHART], 2)
    const places = elements(svg, 'g').map((g) => g.getAttribute('transform'))
    expect(places).toEqual(['translate(0 0)', 'translate(470 0)', 'translate(0 260)'])
    expect(elements(svg, 'svg')[0]!.getAttribute('viewBox')).toBe('0 0 940 520')
  })

  it.each([[[]], [[[3, 5]]]] as const)('draws axes around %j points', (points) => {
    const svg = drawCharts([{ ...CHART, curves: [{ name: 'few', points }] }])
    expect(curves(svg.replace('points=""', 'points="0,0"'))).toHaveLength(1)
    expect(svg).not.toMatch(/NaN|Infinity/)
  })

  it('makes a dot of a curve of one point, where others have their line', () => {
    const one: Chart['curves'][number] = { name: 'one', points: [[50, 10]] }
    const svg = drawCharts([{ ...CHART, curves: [...CHART.curves, one] }])
    const dots = elements(svg, 'circle')
    expect(dots).toHaveLength(1)
    const place = ['cx', 'cy'].map((name) => Number(dots[0]!.getAttribute(name)))
    const [first] = curves(svg)
    expect(place).toEqual([first![1]![0], first![0]![1]])
    expect(dots[0]!.getAttribute('fill')).toBe(elements(svg, 'polyline')[2]!.getAttribute('stroke'))
    expect(elements(drawCharts([CHART]), 'circle')).toHaveLength(0)
  })
})
