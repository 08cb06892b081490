import { describe, expect, it } from 'vitest'
import { form, listen } from './fixtures/service.js'

describe("IBM MAX's routes", () => {
  it('give predictions in its shape', async () => {
    const { post, captioner } = await listen()
    const response = await post(form({ 'cat.jpg': 'cat' }), '/model/predict')
    expect(await response.json()).toEqual({
      status: 'ok',
      predictions: [{ index: '0', caption: 'a cat', probability: Math.exp(-2) }],
    })
    expect(captioner.calls[0]?.options).toMatchObject({ count: 3, beamSize: 3 })
  })

  it('describe the model', async () => {
    const { get } = await listen()
    expect(await (await get('/model/metadata')).json()).toEqual({
      id: 'fake',
      name: 'fake',
      description: expect.any(String),
      type: 'Image-to-Text Translation',
      source: expect.stringMatching(/^https:/),
    })
  })

  it.each<[string, BodyInit, Record<string, string>, number]>([
    ['a damaged photo', form({ 'b.jpg': 'damaged' }), {}, 422],
    ['two photos', form({ 'a.jpg': 'cat', 'b.jpg': 'dog' }), {}, 400],
    ['anything but a form', 'cat', { 'Content-Type': 'image/png' }, 415],
  ])('refuse %s in its words', async (_what, body, headers, status) => {
    const { post } = await listen()
    const response = await post(body, '/model/predict', headers)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({
      status: 'error',
      message: expect.stringMatching(/^Expected /),
    })
  })
})
