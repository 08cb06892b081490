import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { gif, gifFrame } from '../encoder/fixtures/made-images.js'
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

it('takes options that mean nothing beside the others for those of everybody', async () => {
  const { post, captioner } = await listen()
  const ask = async (options: Record<string, string>) =>
    (await post(form({ 'a.jpg': 'cat' }, options))).headers.get('etag')
  const tag = await ask({})
  expect(tag).not.toBeNull()
  expect(await ask({ seed: '7', topP: '0.9' })).toBe(tag)
  const drawn = await ask({ temperature: '1' })
  expect(await ask({ temperature: '1', beamSize: '5' })).toBe(drawn)
  // Of what was known already nobody asks the captioner.
  expect(captioner.calls).toHaveLength(2)
  const tags = new Set([
    tag,
    drawn,
    await ask({ beamSize: '5' }),
    await ask({ temperature: '1', seed: '7' }),
    await ask({ temperature: '1', topP: '0.9' }),
  ])
  expect(tags.size).toBe(5)
})

it('keeps photos that take long to decode from the batch of the others, whoever sent them', async () => {
  const { post, captioner } = await listen()
  const large = gif(5000, 5000, [gifFrame(5000, 5000)])
  const photos = {
    'a.jpg': 'cat',
    'b.gif': large,
    'c.gif': Buffer.concat([large, Buffer.of(0)]),
    'd.jpg': 'dog',
  }
  const body = new FormData()
  for (const [file, photo] of Object.entries(photos))
    body.append('image', new Blob([photo as BlobPart]), file)
  const { results } = await (await post(body)).json()
  expect(results.map(({ file }: { file: string }) => file)).toEqual(Object.keys(photos))
  expect(results[3].captions[0].text).toBe('A dog.')
  const texts = Object.values(photos).map(String)
  const batches = captioner.calls.map(({ images }) => images.map((image) => texts.indexOf(image)))
  expect(batches.sort()).toEqual([[0, 3], [1], [2]])
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
