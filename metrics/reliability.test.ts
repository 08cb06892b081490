import { expect, test } from 'vitest'
import { scoreConfidence } from './calibration.js'
import { reliabilityDiagram } from './reliability.js'

test('a bar a tenth of confidence, as high as the share of right captions', () => {
  const drawing = reliabilityDiagram(scoreConfidence([0.25, 0.25, 0.75, 0.75], [false, true, true, true]))
  const bars = [...drawing.matchAll(/<rect [^>]*height="([\d.]+)" fill="#47a"/g)].map(([, h]) => Number(h))
  expect(bars).toHaveLength(2)
  expect(bars[0]! / bars[1]!).toBeCloseTo(1 / 2, 2)
  expect(drawing).toContain('expected calibration error 0.250')
  expect(drawing).not.toMatch(/NaN|undefined/)
})

test('nothing to draw is an empty diagram', () => {
  expect(reliabilityDiagram(scoreConfidence([], []))).not.toMatch(/NaN|undefined/)
})
