import { relative, resolve } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { Caption } from '../decoder/types.js'
import { attentionPicture, checkPictures, picturesOf } from './caption-attention.js'
import { elements, plainJpeg, rendered } from './fixtures/rendered.js'

const MODEL = { grid: [2, 4] as const, calibrated: true }
/** All of the look at one region, the rest shared by the others. */
const at = (region: number): number[] => Array.from({ length: 8 }, (_, i) => (i === region ? 0.86 : 0.02))
const caption: Caption = {
  text: 'A & <b>.',
  tokens: ['a', '&', '<b>'],
  logProb: -3,
  wordLogProbs: [],
  score: -1,
  confidence: 0.456,
  attention: [at(0), at(7), Array(8).fill(1 / 8)],
}

it('is called as its photo, in a folder where photos share a name', () => {
  const called = (...photos: string[]) => photos.map(picturesOf(photos))
  expect(called('a/x.jpg')).toEqual(['x.jpg.svg'])
  expect(called('two/a/x.jpg', 'two/b/y.jpg')).toEqual(['x.jpg.svg', 'y.jpg.svg'])
  expect(called('two/a/x.jpg', 'two/b/c/x.jpg', 'two/b/y.jpg')).toEqual([
    'a/x.jpg.svg',
    'b/c/x.jpg.svg',
    'y.jpg.svg',
  ])
  expect(called('x.jpg', '../x.jpg', resolve('a/x.jpg'))).toEqual(
    ['x.jpg', '../x.jpg', 'a/x.jpg'].map((photo) => `${relative('..', photo)}.svg`),
  )
})

it('has the letter of a drive for a folder where photos of two share a name', async () => {
  onTestFinished(() => {
    vi.doUnmock('node:path')
    vi.resetModules()
  })
  vi.resetModules()
  vi.doMock('node:path', async (original) => ({ ...(await original<{ win32: object }>()).win32 }))
  const { picturesOf } = await import('./caption-attention.js')
  const photos = ['C:\\a\\x.jpg', 'd:\\b\\x.jpg']
  expect(photos.map(picturesOf(photos))).toEqual(['x.jpg.svg', 'd\\b\\x.jpg.svg'])
})

it('is refused where a run before may have one of its name, wherever that lies', () => {
  const before = ['two/a/x.jpg', 'two/b/x.jpg']
  expect(() => checkPictures(before, ['three/a/y.jpg', 'three/b/y.jpg'])).not.toThrow()
  expect(() => checkPictures(before, ['three/y.jpg', 'three/x.jpg'])).toThrow(
    'Expected photos with different names for --attention but received ["two/b/x.jpg", "three/x.jpg"]',
  )
})

it('is an SVG that holds the photo once and a panel a word', async () => {
  const photo = { jpeg: await plainJpeg(480, 240, '#c08040'), width: 480, height: 240 }
  const svg = attentionPicture(photo, caption, MODEL)
  const texts = elements(svg, 'text').map(({ textContent }) => textContent)
  expect(texts).toEqual(['A & <b>. 0.46', '', 'a', '&', '<b>'])
  const unsure = attentionPicture(photo, caption, { ...MODEL, calibrated: false })
  expect(elements(unsure, 'text')[0]!.textContent).toBe('A & <b>.')
  expect(elements(svg, 'title')[0]?.textContent).toBe('A & <b>.')
  expect(elements(svg, 'image')).toHaveLength(1)
  expect(elements(svg, 'use')).toHaveLength(4)
  expect(svg).not.toMatch(/href="(?!#|data:)/)
})

it('is light where the model looked and dark elsewhere', async () => {
  const jpeg = await plainJpeg(480, 240, '#c08040')
  const colour = await rendered(attentionPicture({ jpeg, width: 480, height: 240 }, caption, MODEL))
  // Panels of 240 × 120, 12 apart, from (12, 40): the centres of the regions at the corners.
  const corners = (panel: number) =>
    [30, 210].flatMap((x) => [30, 90].map((y) => colour(12 + panel * 252 + x, 40 + y)[0]!))
  const bright = 0xc0
  const near = (value: number) => expect.closeTo(value, -1)
  expect(corners(0)).toEqual([near(bright), near(bright), near(bright), near(bright)])
  const [first, ...others] = corners(1)
  const last = corners(2).pop()!
  for (const looked of [first!, last]) expect(looked).toBeGreaterThan(0.75 * bright)
  for (const [i, other] of [...others, ...corners(2).slice(0, 3)].entries())
    expect(other, `corner ${i}`).toBeLessThan(0.4 * bright)
  // Looked at alike: nothing is dark.
  for (const value of corners(3)) expect(value).toBeGreaterThan(0.9 * bright)
})
