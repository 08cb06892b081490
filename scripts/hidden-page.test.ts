import { expect, it } from 'vitest'
import { elements } from './fixtures/rendered.js'
import { hiddenPage, hiddenPicture } from './hidden-page.js'

const tokens = ['<', '/', 's', '\n', '&', '"', '\n']
const shown = {
  title: 'a < b',
  tokens,
  units: [
    { name: 'cell 0', values: Float32Array.of(-1, 0, 1, 0.5, -0.5, 0, 0) },
    { name: 'cell 1', values: new Float32Array(7) },
  ],
  rankings: [
    { name: 'lines', chance: 0.25, followers: [{ unit: 0, correlation: 0.5 }] },
    { name: 'noise', chance: 0.9, followers: [] },
    { name: 'nothing', chance: 0, followers: [] },
  ],
}

it('the page holds the text and every value, whatever the text', () => {
  const page = hiddenPage(shown)
  expect(page.match(/<\/script>/g)).toHaveLength(1)
  const data = JSON.parse(/^const \{.*?\} = (.*)$/m.exec(page)![1]!)
  expect(data.tokens).toEqual(tokens)
  const values = new Int8Array(Buffer.from(data.values, 'base64'))
  expect([...values.subarray(0, 7)]).toEqual([-127, 0, 127, 64, -63, 0, 0])
  expect(data.rankings[0]).toEqual({ heading: 'lines (by chance up to 0.25)', followers: [[0, 0.5]] })
})

it('the picture is well formed, a coloured place a character for what is followed, a line for what is not', () => {
  const svg = hiddenPicture(shown)
  const rects = elements(svg, 'rect').map((rect) => rect.getAttribute('fill'))
  expect(rects).toEqual([
    '#fff',
    'rgb(239,106,100)',
    'rgb(255,255,255)',
    'rgb(110,146,248)',
    'rgb(247,181,178)',
    'rgb(255,255,255)',
  ])
  const texts = elements(svg, 'text').map((text) => text.textContent)
  expect(texts).toEqual([
    'lines (by chance up to 0.25): unit cell 0, correlation 0.50',
    '</s',
    '&"',
    'noise (by chance up to 0.90): no unit follows it',
    'nothing (the same throughout): no unit follows it',
  ])
  expect(elements(svg, 'svg')[0]!.getAttribute('height')).toBe(String(2 * 12 + (2 + 2 + 2 + 2) * 19))
})

it('the picture folds a line that is longer than 100 characters, a token whole', () => {
  const shownOf = (all: readonly string[]) => {
    const values = new Float32Array(all.length)
    const rankings = [{ name: 'it', chance: 0, followers: [{ unit: 0, correlation: 1 }] }]
    const svg = hiddenPicture({ title: '', tokens: all, units: [{ name: 'cell 0', values }], rankings })
    const [, ...lines] = elements(svg, 'text').map((text) => text.textContent!)
    return { lines, width: Number(elements(svg, 'svg')[0]!.getAttribute('width')) }
  }
  const letters = Array.from({ length: 250 }, (_, i) => String.fromCharCode(97 + (i % 26)))
  const { lines, width } = shownOf([...letters, '\n', 'z'])
  expect(lines.map((line) => line.length)).toEqual([100, 100, 50, 1])
  expect(lines.join('')).toBe(`${letters.join('')}z`)
  expect(width).toBeLessThan(900)
  // As wide as that it is one line still.
  expect(shownOf(letters.slice(0, 100)).lines).toHaveLength(1)
  const words = Array.from({ length: 20 }, () => 'elephants ')
  expect(shownOf(['a', ...words]).lines.map((line) => line.length)).toEqual([91, 100, 10])
  // A text without a break in it is no wider, and no longer than other texts.
  expect(shownOf(Array.from({ length: 2000 }, () => 'a')).lines).toHaveLength(12)
})
