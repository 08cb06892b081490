import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { viewKey, viewOf } from './view.js'

describe('views', () => {
  it('begin with the photo as it is and its mirror image', () => {
    expect(viewOf('a.jpg', 0)).toBeUndefined()
    expect(viewOf('a.jpg', 1)).toEqual({ left: 0, top: 0, width: 1, height: 1, mirrored: true })
  })

  it('are the same each time, lie inside the photo, and keep three quarters of each side', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 50 }), (file, number) => {
        const view = viewOf(file, number)!
        expect(view).toEqual(viewOf(file, number))
        expect(view.mirrored).toBe(number % 2 === 1)
        for (const [from, size] of [
          [view.left, view.width],
          [view.top, view.height],
        ] as const) {
          expect(from).toBeGreaterThanOrEqual(0)
          expect(from + size).toBeLessThanOrEqual(1 + 1e-12)
          expect(size).toBeGreaterThanOrEqual(0.75)
        }
      }),
    )
  })

  it('differ from photo to photo and have names of their own', () => {
    expect(viewOf('a.jpg', 2)).not.toEqual(viewOf('b.jpg', 2))
    expect(viewOf('a.jpg', 2)).not.toEqual(viewOf('a.jpg', 4))
    expect([0, 1, 2].map((number) => viewKey('a.jpg', number))).toEqual(['a.jpg', 'a.jpg#1', 'a.jpg#2'])
  })
})
