import { expect, it } from 'vitest'
import { isHeldOut } from './splits.js'

it('holds out the photos whose number divides by 13', () => {
  const ids = ['13', '14', '000000000026', '12', 'photo13', '130000000000000000000', '0']
  expect(ids.filter((id) => isHeldOut({ id }))).toEqual(['13', '000000000026', '130000000000000000000', '0'])
})
