import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
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

describe('a search that takes long', () => {
  const photo = Buffer.from('cat').toString('base64')
  const inputs = [{ name: 'image', datatype: 'BYTES', shape: [1], data: [photo] }]
  const infer = (parameters: object) => JSON.stringify({ inputs, parameters })
  const [v2, json] = ['/v2/models/captioner/infer', { 'Content-Type': 'application/json' }]

  it('is refused by every protocol that can ask for one, and nothing of it done', async () => {
    const { post, get, captioner } = await listen({ maxSearch: 240 })
    expect(await (await get('/openapi.json')).text()).toContain('beamSize × maxLength is at most 240.')
    const told = 'Expected at most 240 (maxSearch) for count × beamSize × maxLength but received'
    const asked = form({ 'a.jpg': 'cat' }, { count: '3', beamSize: '5', maxLength: '17' })
    expect(await failure(await post(asked, '/v1/captions?count=1'))).toMatchObject({
      status: 400,
      code: 'INVALID_ARGUMENT',
      message: `${told} 255`,
      where: 'count × beamSize × maxLength',
    })
    const inferred = await post(infer({ beamSize: 16 }), v2, json)
    expect([inferred.status, await inferred.json()]).toMatchObject([400, { error: `${told} 256` }])
    expect(captioner.calls).toEqual([])
    expect((await post(infer({ beamSize: 15 }), v2, json)).status).toBe(200)
  })

  it('is one with many samples, too, whatever the beam', async () => {
    const { post } = await listen({ maxSearch: 240 })
    const ask = (count: string) => post(form({ 'a.jpg': 'cat' }, { count, beamSize: '20', temperature: '1' }))
    expect((await ask('5')).status).toBe(200)
    expect(await failure(await ask('6'))).toMatchObject({
      message: 'Expected at most 240 (maxSearch) for count × 3 × maxLength but received 288',
    })
  })

  it('is none of those that the page and IBM’s clients ask for, whatever the limit', async () => {
    const { post } = await listen({ maxSearch: 240 })
    expect((await post(form({ 'a.jpg': 'cat' }), '/v1/captions?count=3&beamSize=5')).status).toBe(200)
    expect((await post(form({ 'a.jpg': 'cat' }), '/model/predict')).status).toBe(200)
  })
})
