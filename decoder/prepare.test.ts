import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { FeatureStore } from '../data/feature-store.js'
import type { FeatureExtractor } from '../encoder/extractor.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { prepareFeatures } from './prepare.js'

const SHAPE = { name: 'mean', imageSize: 8, grid: [1, 1], channels: 1, range: [0, 1] } as const
/** The mean of a photo. */
const EXTRACTOR: Pick<FeatureExtractor, 'features'> = {
  features: async (pixels, images) =>
    Float32Array.from({ length: images }, (_, i) => {
      const own = pixels.subarray((i * pixels.length) / images, ((i + 1) * pixels.length) / images)
      return own.reduce((sum, value) => sum + value, 0) / own.length / 255
    }),
}

const folder = temporaryFolder('prepare')
beforeAll(() => cp(join('examples', 'cat.jpg'), join(folder, 'cat.jpg')))

describe('prepareFeatures', () => {
  const prepare = async (store: FeatureStore, files: string[], views: number) =>
    prepareFeatures(store, SHAPE, EXTRACTOR as FeatureExtractor, folder, files, () => {}, undefined, views)
  const storeOf = (name: string) =>
    FeatureStore.create(join(folder, name), {
      encoder: 'mean',
      weights: 'none',
      regions: 1,
      channels: 1,
      range: [0, 1],
    })

  it('keeps each view once and passes over those it has', async () => {
    const store = storeOf('views')
    expect(await prepare(store, ['cat.jpg'], 1)).toEqual({ done: 1, total: 1, skipped: [] })
    expect(await prepare(store, ['cat.jpg'], 3)).toEqual({ done: 3, total: 3, skipped: [] })
    expect(store.size).toBe(3)
    store.close()
  })

  it('reports a photo that cannot be read once, whichever of its views are missing', async () => {
    const store = storeOf('damaged')
    await cp(join(folder, 'cat.jpg'), join(folder, 'torn.jpg'))
    await prepare(store, ['torn.jpg'], 1)
    await writeFile(join(folder, 'torn.jpg'), 'no photo')
    await writeFile(join(folder, 'none.jpg'), 'no photo')
    const { done, total, skipped } = await prepare(store, ['torn.jpg', 'none.jpg', 'cat.jpg'], 20)
    expect([done, total]).toEqual([21, 60])
    expect(skipped.map(({ file }) => file)).toEqual(['torn.jpg', 'none.jpg'])
    store.close()
  })

  it('reports a photo whose name no store can hold, and goes on', async () => {
    const store = storeOf('names')
    await cp(join(folder, 'cat.jpg'), join(folder, 'a\ncat.jpg'))
    expect(await prepare(store, ['a\ncat.jpg', 'cat.jpg'], 2)).toEqual({
      done: 2,
      total: 2,
      skipped: [
        {
          file: 'a\ncat.jpg',
          reason: 'Expected a name of one line for a photo but received "a\\ncat.jpg"',
        },
      ],
    })
    expect(store.keysInOrder).toEqual(['cat.jpg', 'cat.jpg#1'])
    store.close()
  })
})
