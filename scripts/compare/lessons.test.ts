import { expect, it, onTestFinished } from 'vitest'
import type { Example } from '../../data/batches.js'
import { FeatureStore } from '../../data/feature-store.js'
import { StoredFeatures } from '../../decoder/photo-features.js'
import { viewKey } from '../../encoder/view.js'
import { temporaryFolder } from '../../temporary.test.folder.js'
import { lessonsOf } from './lessons.js'

const PHOTOS = ['a', 'b', 'c'].map(
  (name): Example => ({ key: `${name}.jpg`, style: 'plain', captions: [[name]], views: 4 }),
)
const SEED = 1

it('has every photo once a pass, until there are as many as asked for', () => {
  const lessons = lessonsOf(PHOTOS, 8, SEED)
  expect(lessons.map(({ pass }) => pass)).toEqual([0, 0, 0, 1, 1, 1, 2, 2])
  for (const from of [0, 3])
    expect(
      lessons
        .slice(from, from + 3)
        .map(({ key }) => key)
        .sort(),
    ).toEqual(PHOTOS.map(({ key }) => key))
  expect(lessonsOf([], 8, SEED)).toEqual([])
})

it('shows in each pass the views that a training shows in the epoch of that number', async () => {
  const folder = temporaryFolder('lessons', onTestFinished)
  const header = {
    encoder: 'none',
    weights: '',
    regions: 1,
    channels: 1,
    range: [0, 255] as [number, number],
  }
  const store = FeatureStore.create(folder, header)
  onTestFinished(() => store.close())
  for (const { key } of PHOTOS)
    for (let view = 0; view < 4; view++) store.append(viewKey(key, view), Float32Array.of(view))
  store.flush()
  const features = new StoredFeatures(store)
  const viewsOf = async (photos: readonly Example[], epoch: number): Promise<number[]> =>
    Array.from((await features.input(photos, { seed: SEED, epoch })).data)

  const passes = [0, 1, 2, 3]
  const lessons = lessonsOf(PHOTOS, passes.length * PHOTOS.length, SEED)
  for (const photo of PHOTOS) {
    const shown = await viewsOf(
      lessons.filter(({ key }) => key === photo.key),
      0,
    )
    const trained = await Promise.all(passes.map((epoch) => viewsOf([photo], epoch)))
    expect(shown).toEqual(trained.flat())
    expect(new Set(shown).size).toBeGreaterThan(1)
  }
})
