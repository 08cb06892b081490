import { expect, it } from 'vitest'
import { alignmentPicture, alignmentText } from './alignment.js'
import { elements } from './fixtures/rendered.js'

const alignment = {
  source: ['<', 'b', '5'],
  target: ['5', '&'],
  rows: [[0, 0.02, 0.98], Float32Array.of(0.5, 0.5, 0)],
}

it('the matrix as text has a line a character of the target, darker where more was looked', () => {
  expect(alignmentText(alignment)).toBe(['   <b5', '5 │  █│', '& │▒▒ │'].join('\n'))
})

it('the picture has a cell for each share, grey by its size', () => {
  const svg = alignmentPicture([alignment, alignment])
  const cells = elements(svg, 'rect').slice(1)
  expect(cells).toHaveLength(12)
  expect(cells.slice(0, 4).map((cell) => cell.getAttribute('fill'))).toEqual([
    'rgb(255,255,255)',
    'rgb(250,250,250)',
    'rgb(5,5,5)',
    'rgb(128,128,128)',
  ])
  expect(elements(svg, 'title').map((title) => title.textContent)).toEqual([
    'Alignments: where each character of a target looked in its source',
    '<b5 → 5&',
    '<b5 → 5&',
  ])
})
