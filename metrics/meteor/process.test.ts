import { expect, it } from 'vitest'
import { createMeteor } from './meteor.js'
import { startMeteor } from './process.js'
import { loadMeteorResources } from './resources.js'

const words = (caption: string): string[] => caption.split(' ')
const sets = [
  {
    candidates: ['a dog runs on the beach', 'two men'].map(words),
    references: [['a hound is running', 'dogs at a beach'].map(words), [words('a couple of men stand')]],
  },
  { candidates: [words('a cat')], references: [[words('the cats')]] },
]

it('gives the scores that this process gives, those of drawn sets too', async () => {
  const meteor = createMeteor(await loadMeteorResources())
  const found = await (await startMeteor()(sets))()
  expect(found).toHaveLength(2)
  found.forEach((scores, index) => {
    const own = meteor.score(sets[index]!.candidates, sets[index]!.references)
    expect(scores.perImage).toEqual(own.perImage)
    expect(scores.corpus).toBe(own.corpus)
    expect(scores.resample([0, 0])).toBe(own.resample([0, 0]))
  })
})

it('hands on what is wrong', async () => {
  const missing = await startMeteor({ paraphrases: 'none.gz' })(sets)
  await expect(missing()).rejects.toMatchObject({
    code: 'NOT_FOUND',
    where: 'none.gz',
  })
  const unequal = await startMeteor()([{ candidates: [['a']], references: [] }])
  await expect(unequal()).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: 'Expected references of 1 images for references but received 0',
  })
})
