import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Photo, PhotoFeatures } from './photo-features.js'
import { Schedule, type StepPhotos } from './schedule.js'

/** Photos of which some can be read, named by their positions. */
function scheduleOf(readable: readonly boolean[], imagesPerBatch: number): Schedule {
  const features = {
    input: async (photos: readonly Photo[]) => ({
      read: [...photos.keys()].filter((i) => readable[Number(photos[i]!.key)]),
      shape: [],
      data: new Uint8Array(),
    }),
  } as unknown as PhotoFeatures
  const examples = readable.map((_, i) => ({ key: String(i), style: 'plain', captions: [['a']] }))
  const config = { epochs: 2, imagesPerBatch, captionsPerImage: 1, maxLength: 4, seed: 1 }
  return new Schedule(examples, features, config)
}

async function stepsOf(schedule: Schedule, from = 0): Promise<StepPhotos[]> {
  const steps: StepPhotos[] = []
  for await (const step of schedule.from(from)) steps.push(step)
  return steps
}

it('gives every step photos that can be read, each of them in each epoch, the same from whichever step on', async () => {
  const photos = fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }).filter((all) => all.includes(true))
  await fc.assert(
    fc.asyncProperty(photos, fc.integer({ min: 1, max: 4 }), fc.nat(), async (readable, size, some) => {
      const schedule = scheduleOf(readable, size)
      const steps = await stepsOf(schedule)
      expect(steps).toHaveLength(2 * Math.ceil(readable.length / size))
      for (const epoch of [0, 1]) {
        const seen = steps.filter((step) => step.epoch === epoch).map(({ indices }) => indices)
        expect(seen.every(({ length }) => length > 0)).toBe(true)
        const wanted = [...readable.keys()].filter((i) => readable[i])
        expect([...new Set(seen.flat())].sort((a, b) => a - b)).toEqual(wanted)
      }
      const from = some % steps.length
      expect(await stepsOf(scheduleOf(readable, size), from)).toEqual(steps.slice(from))
    }),
  )
})

it('ends where no photo at all can be read', async () => {
  await expect(stepsOf(scheduleOf([false, false, false], 2), 1)).rejects.toMatchObject({
    code: 'INVALID_DATA',
    message: 'Expected a photo that can be read for step 2 but received "none"',
  })
})
