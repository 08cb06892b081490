import { describe, expect, it } from 'vitest'
import { listen } from './fixtures/service.js'

const INFER = '/v2/models/captioner/infer'
const image = (data: string[], shape = [data.length]) => ({ name: 'image', datatype: 'BYTES', shape, data })
const json = (body: unknown): [string, string] => [JSON.stringify(body), INFER]

/** A tensor of bytes as the protocol has it, written by hand. */
function tensor(...elements: string[]): Buffer {
  return Buffer.concat(
    elements.flatMap((text) => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(Buffer.byteLength(text))
      return [length, Buffer.from(text)]
    }),
  )
}

function binary(header: object, tail: Buffer): [Buffer<ArrayBuffer>, string, Record<string, string>] {
  const head = Buffer.from(JSON.stringify(header))
  return [Buffer.concat([head, tail]), INFER, { 'Inference-Header-Content-Length': String(head.length) }]
}

describe('the Open Inference Protocol', () => {
  it('tells of the server, its health and its model', async () => {
    const { get, post } = await listen()
    expect(await (await get('/v2')).json()).toEqual({
      name: 'showtell',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      extensions: ['binary_tensor_data'],
    })
    expect(await (await get('/v2/health/live')).json()).toEqual({ live: true })
    const READY = ['/v2/health/ready', '/v2/models/captioner/ready', '/v2/models/captioner/versions/1/ready']
    const starting = await listen({}, { isReady: () => false })
    for (const path of READY) {
      const [yes, no] = [await get(path), await starting.get(path)]
      expect([yes.status, await yes.json()]).toEqual([200, { ready: true }])
      expect([no.status, await no.json()]).toEqual([400, { ready: false }])
    }
    expect((await get('/v2/models/other/ready')).status).toBe(404)
    const description = await (await get('/v2/models/captioner')).json()
    expect(description).toMatchObject({
      name: 'captioner',
      versions: ['1'],
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [-1] }],
      outputs: [{ name: 'caption', datatype: 'BYTES' }, { name: 'confidence' }, { name: 'log_prob' }],
    })
    expect(await (await get('/v2/models/captioner/versions/1')).json()).toEqual(description)
    expect(await (await post('', '/v2/repository/index')).json()).toEqual([
      { name: 'captioner', version: '1', state: 'READY' },
    ])
  })

  it('captions base64 of JSON, with options as parameters', async () => {
    const { post, captioner } = await listen()
    const request = {
      id: '42',
      parameters: { count: 2, beamSize: 5, genderNeutral: true, bannedWords: 'dog,cow', sequence_id: 1 },
      inputs: [image([btoa('cat'), btoa('dog')], [2, 1])],
      outputs: [{ name: 'confidence' }, { name: 'caption' }],
    }
    const response = await post(...json(request))
    expect(response.headers.get('content-type')).toContain('application/json')
    expect(await response.json()).toEqual({
      model_name: 'captioner',
      model_version: '1',
      id: '42',
      outputs: [
        { name: 'confidence', datatype: 'FP32', shape: [2, 2], data: [0.5, 0, 0.5, 0] },
        { name: 'caption', datatype: 'BYTES', shape: [2, 2], data: ['A cat.', '', 'A dog.', ''] },
      ],
    })
    expect(captioner.calls[0]?.options).toMatchObject({
      count: 2,
      beamSize: 5,
      genderNeutral: true,
      bannedWords: ['dog', 'cow'],
    })
  })

  it('gives all outputs where none is named', async () => {
    const { post } = await listen()
    const ask = async (more: object) =>
      (await post(...json({ inputs: [image([btoa('cat')])], ...more }))).json()
    const all = await ask({ outputs: [] })
    expect(all.outputs.map(({ name }: { name: string }) => name)).toEqual([
      'caption',
      'confidence',
      'log_prob',
    ])
    expect(all).toEqual(await ask({}))
  })

  it('gives no more outputs than there are', async () => {
    const { post, captioner } = await listen()
    const outputs = Array(4).fill({ name: 'caption' })
    const response = await post(...json({ inputs: [image([btoa('cat')], [1])], outputs }))
    expect([response.status, (await response.json()).error]).toEqual([
      400,
      expect.stringContaining('Expected a list of at most 3 entries for outputs'),
    ])
    expect(captioner.calls).toEqual([])
  })

  it('takes and gives binary tensors', async () => {
    const { post } = await listen()
    const tail = tensor('cat', 'snow leopard')
    const request = {
      inputs: [
        { name: 'image', datatype: 'BYTES', shape: [2], parameters: { binary_data_size: tail.length } },
      ],
      outputs: [
        { name: 'caption', parameters: { binary_data: true } },
        { name: 'log_prob', parameters: { binary_data: true } },
        { name: 'confidence' },
      ],
    }
    const response = await post(...binary(request, tail))
    expect(response.headers.get('content-type')).toBe('application/octet-stream')
    const body = Buffer.from(await response.arrayBuffer())
    const length = Number(response.headers.get('inference-header-content-length'))
    const captions = tensor('A cat.', 'A snow leopard.')
    expect(JSON.parse(body.subarray(0, length).toString()).outputs).toEqual([
      {
        name: 'caption',
        datatype: 'BYTES',
        shape: [2, 1],
        parameters: { binary_data_size: captions.length },
      },
      { name: 'log_prob', datatype: 'FP32', shape: [2, 1], parameters: { binary_data_size: 8 } },
      { name: 'confidence', datatype: 'FP32', shape: [2, 1], data: [0.5, 0.5] },
    ])
    expect(body.subarray(length)).toEqual(
      Buffer.concat([captions, Buffer.from(Float32Array.of(-2, -2).buffer)]),
    )
  })

  it('holds a caption that there is not for the least likely', async () => {
    const { post } = await listen()
    const [json, bytes] = [false, true].map((isBinary) => ({
      parameters: { count: 3, binary_data_output: isBinary },
      inputs: [image([btoa('cat')])],
      outputs: [{ name: 'log_prob' }],
    }))
    const least = -3.4028234663852886e38
    const { outputs } = await (await post(JSON.stringify(json), INFER)).json()
    expect(outputs[0].data).toEqual([-2, least, least])
    const answer = await post(JSON.stringify(bytes), INFER)
    const body = Buffer.from(await answer.arrayBuffer())
    const tail = body.subarray(Number(answer.headers.get('inference-header-content-length')))
    expect([0, 4, 8].map((at) => tail.readFloatLE(at))).toEqual([-2, least, least])
  })

  it('takes a body without a header as one photo, and answers in binary', async () => {
    const { post } = await listen()
    const response = await post('cat', INFER, { 'Inference-Header-Content-Length': '0' })
    const body = Buffer.from(await response.arrayBuffer())
    const length = Number(response.headers.get('inference-header-content-length'))
    expect(body.subarray(length, length + 10)).toEqual(tensor('A cat.'))
  })

  it('gives all outputs in binary where the request says so', async () => {
    const { post } = await listen()
    const request = { parameters: { binary_data_output: true }, inputs: [image([btoa('cat')])] }
    const response = await post(...json(request))
    expect(response.headers.get('inference-header-content-length')).not.toBeNull()
  })

  const size = { binary_data_size: 100 }
  const tail = tensor('cat')
  it.each<[string, [BodyInit, string, Record<string, string>?], number, string]>([
    ['another model', ['{}', '/v2/models/other/infer'], 404, 'other'],
    ['another version', ['{}', '/v2/models/captioner/versions/2/infer'], 404, 'received 2'],
    ['no JSON', ['{', INFER], 400, 'Expected JSON for the body'],
    ['no input', json({ inputs: [] }), 400, 'inputs'],
    ['another tensor', json({ inputs: [{ ...image(['']), name: 'x' }] }), 400, 'one of image'],
    ['numbers', json({ inputs: [{ ...image(['']), datatype: 'FP32' }] }), 400, 'one of BYTES'],
    ['another number of elements', json({ inputs: [image([btoa('a')], [2])] }), 400, '2 elements'],
    ['two columns', json({ inputs: [image([btoa('a'), btoa('b')], [1, 2])] }), 400, 'shape'],
    [
      'too many photos',
      json({ inputs: [image(Array(17).fill(btoa('a')))] }),
      400,
      'a list of 1 to 16 entries',
    ],
    ['a shape of too many', json({ inputs: [image([btoa('a')], [17])] }), 400, 'n from 1 to 16'],
    [
      'an unknown option',
      json({ parameters: { beams: 3 }, inputs: [image([btoa('a')])] }),
      400,
      'Expected one of count',
    ],
    ['no base64', json({ inputs: [image(['?'])] }), 422, 'Expected base64 for the image'],
    ['a damaged photo', json({ inputs: [image([btoa('cat'), btoa('damaged')])] }), 422, 'image 2'],
    [
      'too few bytes',
      binary({ inputs: [{ ...image([]), shape: [1], parameters: size }] }, tail),
      400,
      '100 bytes',
    ],
    ['bytes nobody spoke of', binary({ inputs: [image([btoa('a')])] }, tail), 400, '0 bytes'],
    [
      'an element beyond the end',
      binary(
        { inputs: [{ ...image([]), shape: [1], parameters: { binary_data_size: 3 } }] },
        Buffer.from([9, 0, 0]),
      ),
      400,
      'elements that end with it',
    ],
    [
      'a header longer than the body',
      ['{}', INFER, { 'Inference-Header-Content-Length': '3' }],
      400,
      'an integer from 0 to 2',
    ],
  ])('refuses %s in its own words', async (_what, request, status, message) => {
    const { post } = await listen()
    const response = await post(...request)
    const answer = await response.json()
    expect(response.status).toBe(status)
    expect(answer.error).toContain(message)
    expect(answer.code).toMatch(/^[A-Z_]+$/)
  })
})
