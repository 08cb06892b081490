import fc from 'fast-check'
import { expect, test } from 'vitest'
import { commaSeparated } from '../data/caption-lines.js'
import type { CaptionedImage } from '../data/captions.js'
import { joinReferences, parseCandidates, parseImageList } from './candidates.js'

const references: CaptionedImage[] = [
  { id: '139', file: '000000000139.jpg', captions: ['a room'] },
  { id: 'dog', file: 'photos/dog.png', captions: ['a dog'] },
]

function read(text: string): { scored: unknown[]; warnings: string[] } {
  const warnings: string[] = []
  const warn = (warning: string): number => warnings.push(warning)
  const scored = joinReferences(parseCandidates(text, 'r.json', warn), references, 'r.json', warn)
  return { scored: scored.map(({ id, candidate }) => [id, candidate]), warnings }
}

test('COCO results and JSON lines, by id or by file name', () => {
  const answer = [
    ['139', 'A room'],
    ['dog', 'A dog'],
  ]
  expect(read('[{"image_id":139,"caption":"A room"},{"image_id":"dog","caption":"A dog"}]')).toEqual({
    scored: answer,
    warnings: [],
  })
  const lines =
    '{"file":"x/000000000139.jpg","caption":"A room"}\n\n{"id":"dog","caption":"A dog","logProb":-3}\n'
  expect(read(lines).scored).toEqual(answer)
})

test('CSV as `showtell caption` writes it, and any with a photo and a caption', () => {
  const made = [
    { file: 'x/000000000139.jpg', caption: 'A "room",\nlit', confidence: 0.25 },
    { file: 'x/broken.jpg', error: 'cut off' },
    { file: 'dog.png', caption: '' },
  ]
  expect(read(commaSeparated(made))).toEqual({
    scored: [
      ['139', 'A "room",\nlit'],
      ['dog', ''],
    ],
    warnings: ['r.json:4: no caption for x/broken.jpg: cut off', 'r.json: caption without a word: dog'],
  })
  const [candidate] = parseCandidates(commaSeparated(made), 'r', () => {})
  expect(candidate?.confidence).toBe(0.25)
  expect(read('caption,image\nA dog,dog.png\n').scored).toEqual([['dog', 'A dog']])
})

test('an evaluation, as `showtell evaluate --json` writes it, by the ids of the references', () => {
  const evaluation = {
    images: 2,
    captions: { dog: 'A dog', '139': 'A room' },
    confidences: { dog: 0.5 },
    warnings: [],
  }
  for (const text of [`${JSON.stringify(evaluation, null, 1)}\n`, JSON.stringify(evaluation)]) {
    const [room, dog] = parseCandidates(text, 'r', () => {})
    expect(room).toEqual({ image: '139', caption: 'A room' })
    expect(dog).toEqual({ image: 'dog', caption: 'A dog', confidence: 0.5 })
  }
})

test('photos of one name, in two folders or with two endings, are told apart by their whole names', () => {
  const photos = ['a/1.jpg', 'b/1.jpg', 'dog.jpg', 'dog.png'].map((file) => ({ file, captions: ['x'] }))
  const images = photos.map((photo, i) => ({ ...photo, id: ['1', 'b/1.jpg', 'dog', 'dog.png'][i]! }))
  const text = photos.map(({ file }) => JSON.stringify({ file, caption: `of ${file}` })).join('\n')
  const ignore = (): void => {}
  const scored = joinReferences(parseCandidates(text, 'r', ignore), images, 'r', ignore)
  expect(scored.map(({ file, candidate }) => [file, candidate])).toEqual(
    photos.map(({ file }) => [file, `of ${file}`]),
  )
  const unclear = parseCandidates('{"file":"c/1.jpg","caption":"x"}', 'r', ignore)
  expect(() => joinReferences(unclear, images, 'r', ignore)).toThrow('Expected a name of one image for r')
})

test('folders count as far as they agree, and an ending does before names without one', () => {
  const files = ['1.jpg', 'a/1.jpg', 'b/1.jpg', 'c/dog.png', 'dog.jpg']
  const images = files.map((file, i) => ({ id: `${i}`, file, captions: ['x'] }))
  const ignore = (): void => {}
  const fileOf = (image: string) => joinReferences([{ image, caption: 'y' }], images, 'r', ignore)[0]?.file
  for (const file of files) expect(fileOf(`photos/${file}`)).toBe(file)
  for (const file of files) expect(fileOf(`photos\\${file.replaceAll('/', '\\')}`)).toBe(file)
  expect(fileOf('dog.png')).toBe('c/dog.png')
  for (const unclear of ['x/2020/1.jpg', 'x\\2020\\1.jpg', 'x/d/1.jpg'])
    expect(() => fileOf(unclear)).toThrow('Expected a name of one image for r but received')
  expect(() => fileOf('dog.webp')).toThrow('Expected a name of one image for r but received "dog.webp"')
})

test('folders count for all once they do for one; else a photo may lie in another, which is said', () => {
  const warnings: string[] = []
  const scoredOf = (images: readonly CaptionedImage[], ...names: string[]) => {
    warnings.length = 0
    const candidates = names.map((image) => ({ image, caption: `of ${image}` }))
    const warn = (warning: string): number => warnings.push(warning)
    return joinReferences(candidates, images, 'r', warn).map(({ file, candidate }) => [file, candidate])
  }
  const tests = ['0001', '0002'].map((id) => ({ id, file: `test/${id}.jpg`, captions: ['x'] }))
  // As `--split test` leaves of photos that are numbered alike in each split.
  const photos = ['photos/train/0001.jpg', 'photos/train/0002.jpg', 'photos\\test\\0001.jpg']
  for (const names of [photos, [...photos].reverse()])
    expect(scoredOf(tests, ...names)).toEqual([['test/0001.jpg', 'of photos\\test\\0001.jpg']])
  expect(warnings).toEqual([
    'r: not scored, no references: photos/train/0002.jpg, photos/train/0001.jpg',
    'r: not scored, no caption: 0002',
  ])
  const more = [...tests, { id: 'val', file: 'val/0001.jpg', captions: ['x'] }]
  expect(scoredOf(more, ...photos)).toEqual([['test/0001.jpg', 'of photos\\test\\0001.jpg']])
  expect(warnings[0]).toBe('r: not scored, no references: photos/train/0001.jpg, photos/train/0002.jpg')
  expect(() => parseImageList(photos.join('\n'), tests, 'list')).toThrow(
    'Expected images of the references for list but received "images photos/train/0001.jpg, photos/train/0002.jpg"',
  )
  // Photos of COCO by the names of Karpathy's file, where they lie in a folder of one's own.
  const file = 'val2014/COCO_val2014_000000000139.jpg'
  const coco = [{ id: '139', file, captions: ['x'] }]
  expect(scoredOf(coco, 'photos/COCO_val2014_000000000139.jpg')).toHaveLength(1)
  expect(warnings).toEqual(['r: scored as the photo of another folder: photos/COCO_val2014_000000000139.jpg'])
  for (const name of ['val2017/000000000139.jpg', `x/${file}`, 'COCO_val2014_000000000139.webp']) {
    expect(scoredOf(coco, name)).toEqual([[file, `of ${name}`]])
    expect(warnings).toEqual([])
  }
})

test('which image a name means does not depend on the images that are wanted', () => {
  const warnings: string[] = []
  const firstOf = (files: readonly string[], ...names: string[]) => {
    const images = files.map((file) => ({ id: file, file, captions: ['x'] }))
    const candidates = names.map((image) => ({ image, caption: `of ${image}` }))
    const warn = (warning: string): number => warnings.push(warning)
    return joinReferences(candidates, images, 'r', warn, images.slice(0, 1)).map(({ candidate }) => candidate)
  }
  expect(() => firstOf(['train/1.jpg', 'test/1.jpg'], '1.jpg')).toThrow(
    'Expected a name of one image for r but received "1.jpg"',
  )
  expect(firstOf(['train/1.jpg', 'test/1.jpg'], 'test/1.jpg', 'train/1.jpg')).toEqual(['of train/1.jpg'])
  // Of a name of two others nothing has to be known.
  expect(firstOf(['c/2.jpg', 'a/1.jpg', 'b/1.jpg'], '1.jpg', '2.jpg')).toEqual(['of 2.jpg'])
  expect(warnings).toEqual([])
  // That folders count is told by an image that is not wanted.
  expect(() => firstOf(['train/1.jpg', 'test/2.jpg'], 'test/2.jpg', 'test/1.jpg')).toThrow(
    'Expected captions of the images of the references for r but received "images test/1.jpg"',
  )
})

test('an image is a file, whatever id the caption has', () => {
  const images = ['1', '12'].map((id) => ({ id, file: `${id}.jpg`, captions: ['x'] }))
  const entries = [
    { id: 1, image: '12.jpg', caption: 'of 12.jpg' },
    { image: '1.jpg', caption: 'of 1.jpg' },
  ]
  const text = entries.map((entry) => JSON.stringify(entry)).join('\n')
  const ignore = (): void => {}
  const scored = joinReferences(parseCandidates(text, 'r', ignore), images, 'r', ignore)
  expect(scored.map(({ file, candidate }) => [file, candidate])).toEqual([
    ['12.jpg', 'of 12.jpg'],
    ['1.jpg', 'of 1.jpg'],
  ])
  expect(parseImageList(JSON.stringify(entries), images, 'list')).toEqual([images[1], images[0]])
})

test('a file says more than an image_id that is text, not than one that is a number', () => {
  const images = ['10.jpg', '2.jpg'].map((file, i) => ({ id: `${[2, 10][i]}`, file, captions: ['x'] }))
  const entries = [
    { image_id: '10', file: 'photos/10.jpg', caption: 'of 10.jpg' },
    { image_id: 10, file: 'photos/10.jpg', caption: 'of 2.jpg' },
  ]
  const ignore = (): void => {}
  const candidates = parseCandidates(JSON.stringify(entries), 'r', ignore)
  expect(
    joinReferences(candidates, images, 'r', ignore).map(({ file, candidate }) => [file, candidate]),
  ).toEqual([
    ['10.jpg', 'of 10.jpg'],
    ['2.jpg', 'of 2.jpg'],
  ])
  expect(parseImageList(JSON.stringify(entries), images, 'list')).toEqual(images)
})

test('names meet whether their accents are one character with their letters or apart', () => {
  const [whole, apart] = ['caf\u00e9', 'cafe\u0301'] as const
  const ignore = (): void => {}
  for (const [ours, theirs] of [
    [whole, apart],
    [apart, whole],
  ] as const) {
    const images = ['1', ours].map((name) => ({ id: name, file: `${ours}/${name}.jpg`, captions: ['x'] }))
    for (const name of [theirs, `${theirs}.png`, `${theirs}/${theirs}.jpg`]) {
      const [scored] = joinReferences([{ image: name, caption: 'y' }], images, 'r', ignore)
      expect(scored).toMatchObject({ id: ours })
    }
    expect(parseImageList(`${theirs}\n`, images, 'list')).toEqual([images[1]])
  }
})

test('an id that looks as if it had an ending is no other photo of its beginning', () => {
  const images = ['shot 10.20.30', '0042'].map((id) => ({ id, file: `${id}.png`, captions: ['x'] }))
  const warnings: string[] = []
  const scoredOf = (...names: string[]) =>
    joinReferences(
      names.map((image) => ({ image, caption: `of ${image}` })),
      images,
      'r',
      (warning) => warnings.push(warning),
    ).map(({ id, candidate }) => [id, candidate])
  expect(scoredOf('shot 10.20.45', '42')).toEqual([['0042', 'of 42']])
  expect(warnings).toEqual([
    'r: not scored, no references: shot 10.20.45',
    'r: not scored, no caption: shot 10.20.30',
  ])
  for (const name of ['shot 10.20.30', 'shot 10.20.30.png', 'shot 10.20.30.webp', 'x/shot 10.20.30.jpg'])
    expect(scoredOf(name)).toEqual([['shot 10.20.30', `of ${name}`]])
})

test('a confidence goes along; one that is no probability is refused', () => {
  const scoredOf = (text: string) =>
    joinReferences(
      parseCandidates(text, 'r.json', () => {}),
      references,
      'r.json',
      () => {},
    )
  expect(scoredOf('{"file":"dog.png","caption":"a","confidence":0.25}')[0]).toMatchObject({
    confidence: 0.25,
  })
  expect(scoredOf('{"file":"dog.png","caption":"a"}')[0]).not.toHaveProperty('confidence')
  expect(() => scoredOf('{"file":"dog.png","caption":"a","confidence":2}')).toThrow(
    'Expected a number from 0 to 1 for confidence of r.json:1 but received 2',
  )
})

test('what is not scored is named, and so is a caption without words', () => {
  expect(read('[{"image_id":139,"caption":" . "},{"image_id":7,"caption":"x"}]').warnings).toEqual([
    'r.json: not scored, no references: 7',
    'r.json: not scored, no caption: dog',
    'r.json: caption without a word: 139',
  ])
  expect(read('{"file":"dog.png","caption":"a"}\n{"file":"139.jpg","error":"cut off"}').warnings[0]).toBe(
    'r.json:2: no caption for 139.jpg: cut off',
  )
})

test.each([
  [
    '[{"image_id":139,"caption":"x"},{"image_id":"000139","caption":"y"}]',
    'Expected one caption an image for r.json',
  ],
  ['[{"image_id":139,"capt', 'Expected whole JSON in r.json'],
  ['[]', 'Expected captions for r.json'],
  ['', 'Expected captions for r.json'],
  ['[{"image_id":139}]', 'Expected image_id (or file) and caption for r.json[0]'],
  ['[{"image_id":139,"caption":5}]', 'for r.json[0]'],
  ['{"image_id":139,"caption":"x"}\nhello', 'Expected a JSON object for r.json:2 but received "hello"'],
  [
    '{"image_id":139,"caption":"x"}\r\n\r\nhello\r\n',
    'Expected a JSON object for r.json:3 but received "hello"',
  ],
  ['{"caption":"x"}', 'for r.json:1'],
  ['file,caption\ndog.png,"x', 'for column 2 of r.json:2 but received "\\"x"'],
  ['file,caption\ndog.png,x,y', 'Expected 2 columns, as the first line has, for r.json:2'],
  ['file,caption,confidence\ndog.png,x,high', 'a number from 0 to 1 for confidence of r.json:2'],
  ['file,caption\n', 'Expected captions for r.json'],
  ['[{"image_id":8,"caption":"x"}]', 'Expected captions of the images of the references for r.json'],
  ['[null]', 'for r.json[0]'],
  ['{"captions":{"dog":5}}', 'Expected image_id (or file) and caption for r.json: captions.dog'],
  [
    '{"file":"dog.png","error":"cut off"}',
    'Expected captions of the images of the references for r.json but received "no caption"',
  ],
])('%s fails', (text, message) => expect(() => read(text)).toThrow(message))

test('whatever a file holds, it is read or refused with a message that names it', () => {
  const entry = fc.record(
    {
      image_id: fc.oneof(fc.nat(), fc.string()),
      file: fc.string(),
      caption: fc.anything(),
      error: fc.string(),
    },
    { requiredKeys: [] },
  )
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('x', ',', '"', '\n') }).map((rows) => `file,caption\n${rows}`),
    fc.json(),
    fc.array(fc.oneof(entry, fc.jsonValue())).map((entries) => JSON.stringify(entries) ?? ''),
    fc.array(entry).map((entries) => entries.map((one) => JSON.stringify(one)).join('\n')),
    fc.dictionary(fc.string(), fc.jsonValue()).map((captions) => JSON.stringify({ captions })),
  )
  fc.assert(
    fc.property(text, (content) => {
      try {
        for (const { image, caption } of parseCandidates(content, 'the file', () => {}))
          expect([typeof image, typeof caption]).toEqual(['string', 'string'])
      } catch (error) {
        expect(error).toMatchObject({ code: 'INVALID_DATA', message: expect.stringContaining('the file') })
      }
    }),
    { numRuns: 1000 },
  )
})
