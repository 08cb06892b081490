import { expect, it } from 'vitest'
import type { Evaluation } from '../metrics/evaluation.js'
import { extremeCaptions } from './evaluate-files.js'

it('numbers images in a list of extremes where a number is exactly the id', () => {
  const ids = ['12', '007', '9007199254740993', 'cat', '2019.11', '1e+21', 'NaN']
  const perImage = Object.fromEntries(ids.map((id, i) => [id, { CIDEr: i }]))
  const images = ids.map((id) => ({ id, file: `${id}.jpg`, candidate: 'a dog', references: ['a dog'] }))
  const list = JSON.parse(extremeCaptions({ perImage } as unknown as Evaluation, images))
  const named = list.map(({ image_id }: { image_id: unknown }) => image_id)
  expect(new Set(named)).toEqual(new Set([12, ...ids.slice(1)]))
})
