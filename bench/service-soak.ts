import { CAPTIONS, type Kind } from './service-clients.js'

/** How many requests of a kind were answered, and with what. */
export interface Answered {
  readonly name: string
  readonly expected: number
  readonly answered: number
  readonly statuses: string
}

type Sent = Omit<Kind, 'onStatus' | 'path'> & { readonly path?: string }

const BOUNDARY = 'bench'
const FORM = { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` }
const JPEG = { 'Content-Type': 'image/jpeg' }
const JSON_TYPE = { 'Content-Type': 'application/json' }

/** Requests as they come from everybody: about half of them are captioned, the others refused, each in its own way. */
export function soakKinds(
  jpeg: () => Buffer,
  png: () => Buffer,
): { kinds: Kind[]; statuses: () => Answered[] } {
  const cut = (): Buffer => {
    const photo = jpeg()
    return photo.subarray(0, photo.length >> 1)
  }
  const base64 = (): string => jpeg().toString('base64')
  const ofJson = (value: () => unknown) => (): Buffer => Buffer.from(JSON.stringify(value()))
  const text = (content: string) => (): Buffer => Buffer.from(content)
  const tensor = (data: string) => ({ name: 'image', datatype: 'BYTES', shape: [1], data: [data] })
  const sent: readonly (readonly [name: string, expected: number, sent: Sent])[] = [
    ['JPEG', 200, { headers: JPEG, body: jpeg }],
    ['PNG', 200, { headers: { 'Content-Type': 'image/png' }, body: png }],
    ['form of two', 200, { headers: FORM, body: () => form([jpeg(), png()]) }],
    ['JSON', 200, { headers: JSON_TYPE, body: ofJson(() => ({ image: base64() })) }],
    ['attention', 200, { path: `${CAPTIONS}?attention=true&count=3`, headers: JPEG, body: jpeg }],
    [
      'inference protocol',
      200,
      {
        path: '/v2/models/captioner/infer',
        headers: JSON_TYPE,
        body: ofJson(() => ({ inputs: [tensor(base64())] })),
      },
    ],
    ['cut JPEG', 422, { headers: JPEG, body: cut }],
    ['form with a cut one', 200, { headers: FORM, body: () => form([cut(), png()]) }],
    ['text for an image', 415, { headers: JPEG, body: text('This is no photo.') }],
    ['type of a page', 415, { headers: { 'Content-Type': 'text/html' }, body: text('<p>') }],
    ['form without end', 400, { headers: FORM, body: () => form([jpeg()]).subarray(0, -9) }],
    ['JSON without end', 400, { headers: JSON_TYPE, body: text('{"image":') }],
    ['no base64', 422, { headers: JSON_TYPE, body: ofJson(() => ({ image: '!' })) }],
    ['bad option', 400, { path: `${CAPTIONS}?beamSize=0`, headers: JPEG, body: jpeg }],
    ['no such path', 404, { path: '/v1/caption', headers: JPEG, body: jpeg }],
  ]
  const counts = sent.map(() => new Map<number, number>())
  return {
    kinds: sent.map(([, , { path = CAPTIONS, headers, body }], i) => ({
      path,
      headers,
      body,
      onStatus: (status) => counts[i]!.set(status, (counts[i]!.get(status) ?? 0) + 1),
    })),
    statuses: () =>
      sent.map(([name, expected], i) => ({
        name,
        expected,
        answered: [...counts[i]!.values()].reduce((sum, count) => sum + count, 0),
        statuses: [...counts[i]!].map(([status, count]) => `${count} × ${status}`).join(', '),
      })),
  }
}

function form(photos: readonly Buffer[]): Buffer {
  const head = `Content-Disposition: form-data; name="image"; filename="photo"\r\n\r\n`
  const parts = photos.flatMap((photo) => [`--${BOUNDARY}\r\n${head}`, photo, '\r\n'])
  return Buffer.concat([...parts, `--${BOUNDARY}--\r\n`].map((part) => Buffer.from(part as string)))
}
