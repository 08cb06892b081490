import { setTimeout as wait } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { fingerprintsOf } from './cache.js'
import { failure, form, listen } from './fixtures/service.js'

vi.mock('./cache.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('./cache.js')>()
  return { ...original, fingerprintsOf: vi.fn(original.fingerprintsOf) }
})

it('counts the time in which photos are hashed for the deadline', async () => {
  const { fingerprintsOf: hashed } = await vi.importActual<typeof import('./cache.js')>('./cache.js')
  vi.mocked(fingerprintsOf).mockImplementationOnce(async (...given) => {
    await wait(400)
    return hashed(...given)
  })
  const { post } = await listen({ deadline: 200 })
  expect(await failure(await post(form({ 'a.jpg': 'cat' })))).toMatchObject({ status: 504, code: 'DEADLINE' })
})
