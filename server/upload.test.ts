import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import type { CaptionsAnswer } from './answer.js'
import { failure, form, listen, SOON } from './fixtures/service.js'

describe('the photos and options of a request', () => {
  it('captions several parts, the damaged one with its own error', async () => {
    const { post, captioner } = await listen()
    const response = await post(form({ 'a.jpg': 'cat', 'b.jpg': 'damaged', 'c.jpg': 'dog' }, { count: '2' }))
    expect(response.status).toBe(200)
    const answer = (await response.json()) as CaptionsAnswer
    expect(answer).toMatchObject({
      model: 'fake',
      requestId: response.headers.get('x-request-id'),
      results: [
        { file: 'a.jpg', captions: [{ text: 'A cat.', confidence: 0.5, tokens: ['a', 'cat'] }] },
        { file: 'b.jpg', error: { code: 'INVALID_IMAGE', message: 'Expected a whole image in b.jpg' } },
        { file: 'c.jpg', captions: [{ text: 'A dog.' }], timing: { decode: 1, encode: 2, search: 3 } },
      ],
    })
    expect(captioner.calls).toEqual([
      { images: ['cat', 'damaged', 'dog'], options: expect.objectContaining({ count: 2, beamSize: 3 }) },
    ])
  })

  it('captions a raw image with options of the query', async () => {
    const { post, captioner } = await listen()
    const path = '/v1/captions?attention=true&bannedWords=dog,%20cow&style=coco&temperature=1&topP=0.5'
    const response = await post(Buffer.from('cat'), path, { 'Content-Type': 'image/jpeg' })
    expect(await response.json()).toMatchObject({ results: [{ captions: [{ text: 'A cat.' }] }] })
    expect(captioner.calls[0]?.options).toMatchObject({
      attention: true,
      bannedWords: ['dog', 'cow'],
      style: 'coco',
      topP: 0.5,
    })
  })

  it('captions base64 of JSON', async () => {
    const { post, captioner } = await listen()
    const images = [
      { base64: btoa('cat'), file: 'cat.png' },
      { base64: btoa('horse') },
      { base64: 'no base64!', file: 'bad' },
    ]
    const body = JSON.stringify({ images, options: { minLength: 5 } })
    const response = await post(body, '/v1/captions', { 'Content-Type': 'application/json' })
    expect(await response.json()).toMatchObject({
      results: [
        { file: 'cat.png', captions: [{ text: 'A cat.' }] },
        { captions: [{ text: 'A horse.' }] },
        { file: 'bad', error: { code: 'INVALID_IMAGE' } },
      ],
    })
    expect(captioner.calls[0]?.options).toMatchObject({ minLength: 5 })
  })

  it('takes options of JSON and query together', async () => {
    const { post, captioner } = await listen()
    const body = JSON.stringify({ image: btoa('cat'), options: { maxLength: 3 } })
    const send = (query: string) => post(body, `/v1/captions${query}`, { 'Content-Type': 'application/json' })
    expect(await (await send('')).json()).toMatchObject({
      error: {
        code: 'INVALID_ARGUMENT',
        message: 'Expected an integer from minLength 4 for maxLength but received 3',
      },
    })
    expect((await send('?minLength=1')).status).toBe(200)
    expect(captioner.calls).toMatchObject([{ options: { minLength: 1, maxLength: 3 } }])
    const path = '/v1/captions?maxLength=3'
    const short = JSON.stringify({ image: btoa('cat'), options: { minLength: 2 } })
    expect((await post(short, path, { 'Content-Type': 'application/json' })).status).toBe(200)
    const form = new FormData()
    form.append('image', new Blob(['cat']), 'cat.png')
    form.append('minLength', '0')
    expect((await post(form, path)).status).toBe(200)
    expect(captioner.calls.map(({ options }) => options?.minLength)).toEqual([1, 2, 0])
  })

  it.each<[string, BodyInit, Record<string, string>, number]>([
    ['an empty body', '', { 'Content-Type': 'image/png' }, 400],
    ['a form without files', form({}, { count: '1' }), {}, 400],
    ['text in place of a file', form({}, { image: 'cat' }), {}, 400],
    ['a form without boundary', 'x', { 'Content-Type': 'multipart/form-data' }, 400],
    [
      'a form that ends too early',
      '--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nca',
      { 'Content-Type': 'multipart/form-data; boundary=b' },
      400,
    ],
    ['broken JSON', '{"images":[', { 'Content-Type': 'application/json' }, 400],
    ['JSON of another shape', '{"photo":"x"}', { 'Content-Type': 'application/json' }, 400],
    ['another type of body', 'cat', { 'Content-Type': 'text/plain' }, 415],
  ])('refuses %s', async (_what, body, headers, status) => {
    const { post } = await listen()
    const answer = await failure(await post(body, '/v1/captions', headers))
    expect(answer).toMatchObject({ status, code: expect.any(String), requestId: expect.any(String) })
    expect(answer.message).not.toBe('')
  })

  it.each([
    ['/v1/captions', 'application/json'],
    ['/v1/captions', 'image/png'],
    ['/model/predict', 'multipart/form-data; boundary=x'],
  ])('says of a request to %s without any body, as curl sends it, that there is none', async (path, type) => {
    const { port } = await listen()
    const client = connect(port)
    client.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: ${type}\r\n\r\n`)
    const answer = await text(client)
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    expect(answer).toContain('Expected an image for the body but received')
  })

  it('cuts a long name of a file, and leaves no half of a character', async () => {
    const { post } = await listen()
    const answer = (await (
      await post(form({ [`${'a'.repeat(254)}😀.jpg`]: 'cat' }))
    ).json()) as CaptionsAnswer
    expect(answer.results[0]!.file).toBe(`${'a'.repeat(254)}\uFFFD`)
  })

  it('refuses parts of another name', async () => {
    const { post } = await listen()
    const data = new FormData()
    data.append('photo', new Blob(['cat']), 'a.jpg')
    expect((await failure(await post(data))).message).toBe(
      'Expected image for the name of a file part but received "photo"',
    )
  })

  it('keeps photos, requests and their number within the limits', async () => {
    const { post } = await listen({ maxImageBytes: 10, maxBodyBytes: 3000, maxImages: 2 })
    const large = 'x'.repeat(11)
    const mixed = await post(form({ 'a.jpg': 'cat', 'b.jpg': large }))
    expect(await mixed.json()).toMatchObject({
      results: [{ captions: [{}] }, { file: 'b.jpg', error: { code: 'IMAGE_TOO_LARGE' } }],
    })
    expect((await failure(await post(form({ 'b.jpg': large })))).status).toBe(413)
    expect((await failure(await post(large, undefined, { 'Content-Type': 'image/png' }))).status).toBe(413)
    expect(
      (await failure(await post('x'.repeat(3001), undefined, { 'Content-Type': 'image/png' }))).message,
    ).toBe('Expected at most 3000 bytes for the body but received 3001')
    const many = form({ 'a.jpg': 'cat', 'b.jpg': 'cat', 'c.jpg': 'cat' })
    expect((await failure(await post(many))).message).toContain('at most 2')
  })

  it('survives a client that leaves within its upload', async () => {
    const { post, client, held } = await listen()
    const headers = { 'Content-Type': 'multipart/form-data; boundary=b', 'Content-Length': '1000' }
    const leaving = client(headers)
    leaving.write('--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nca')
    await expect.poll(held, SOON).toBeGreaterThan(0)
    leaving.destroy()
    expect((await post(form({ 'a.jpg': 'cat' }))).status).toBe(200)
  })
})
