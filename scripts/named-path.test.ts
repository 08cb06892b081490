import { expect, it } from 'vitest'
import { namedPath } from './named-path.js'
import { readTrainingSet } from './training-photos.js'

it('takes what a path may have, another = too', () => {
  expect(namedPath('plain=a=b/c.json', 'style=file', '--data')).toEqual(['plain', 'a=b/c.json'])
})

it.each(['captions.json', '=captions.json', 'plain='])('says what %s should have been', async (given) => {
  await expect(readTrainingSet(given)).rejects.toThrow(
    `Expected style=file for --data but received "${given}"`,
  )
})
