import { mkdirSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { type CaptionFormat, READERS, readCaptions } from './captions.js'

const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url))
const folder = temporaryFolder('captions')

function written(name: string, content: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

/** What is read, and the messages of what is not, without the path. */
async function readAround(path: string, format?: CaptionFormat) {
  const problems: string[] = []
  const images = await readCaptions(path, {
    ...(format === undefined ? {} : { format }),
    onProblem: (problem) => problems.push(problem.message.replaceAll(path, 'FILE')),
  })
  return { ids: images.map((image) => image.id), images, problems }
}

describe('readCaptions', () => {
  it('reads COCO captions, photos in the order of their first caption', async () => {
    expect(await readCaptions(join(fixtures, 'coco.json'))).toEqual([
      {
        id: '7',
        file: 'val/green door.jpg',
        captions: ['A green door in a brick wall.', 'Somebody painted this door green.'],
      },
      { id: '13', file: '000000000013.jpg', captions: ['Two teapots beside a lamp.'] },
    ])
  })

  it('reads gzipped COCO captions without a list of images', async () => {
    expect(await readCaptions(join(fixtures, 'coco-text.json.gz'))).toEqual([
      { id: '42', file: '000000000042.jpg', captions: ['A kite over the roofs.'] },
    ])
  })

  it('reads dataset.json of Karpathy, one split or all', async () => {
    const path = join(fixtures, 'karpathy.json')
    const teapot = {
      id: '31',
      file: 'val2014/teapot.jpg',
      captions: ['A teapot on a mat.', 'The blue teapot.'],
      split: 'train',
    }
    const kite = { id: '1', file: 'kite.jpg', captions: ['A kite in the wind.'], split: 'restval' }
    expect(await readCaptions(path)).toEqual([teapot, kite])
    expect(await readCaptions(path, { split: 'restval' })).toEqual([kite])
    await expect(readCaptions(path, { split: 'val' })).rejects.toThrow(
      `Expected one of the splits restval, train for ${path} but received "val"`,
    )
  })

  it('reads a Flickr8k token file with the split lists beside it', async () => {
    const path = join(fixtures, 'flickr/tokens.txt')
    const goat = {
      id: 'b_2',
      file: 'b_2.jpg',
      captions: ['A grey goat climbs a ladder .', 'Goat on a ladder .'],
      split: 'train',
    }
    const girl = {
      id: 'a_1',
      file: 'a_1.jpg',
      captions: ['A girl with # balloons\tand string .'],
      split: 'test',
    }
    const { images, problems } = await readAround(path)
    expect(images).toEqual([goat, girl, { id: 'd_4', file: 'd_4.jpg', captions: ['An old tram .'] }])
    expect(problems).toEqual(['Expected the file name of a photo for FILE:4 but received "c_3.jpg.1"'])
    expect(await readCaptions(path, { split: 'train' })).toEqual([goat])
    expect(await readCaptions(path, { split: 'test' })).toEqual([girl])
    await expect(readCaptions(path, { split: 'dev' })).rejects.toThrow(
      `Expected a list Flickr_8k.devImages.txt beside ${path}`,
    )
    await expect(readCaptions(path)).rejects.toThrow(
      `Expected the file name of a photo for ${path}:4 but received "c_3.jpg.1"`,
    )
  })

  it('tells photos of one name and two endings of a token file apart, by the same ids whichever split is read', async () => {
    const place = join(folder, 'endings')
    mkdirSync(place)
    const path = written('endings/tokens.txt', 'cat.jpg#0\tA cat .\ncat.png#0\tA drawn cat .\n')
    written('endings/Flickr_8k.trainImages.txt', 'cat.jpg\n')
    written('endings/Flickr_8k.testImages.txt', 'cat.png\n')
    expect((await readCaptions(path)).map(({ id }) => id)).toEqual(['cat', 'cat.png'])
    expect((await readCaptions(path, { split: 'test' })).map(({ id }) => id)).toEqual(['cat.png'])
    const three = written('three.txt', 'cat.png.jpg#0\tA.\ncat.jpg#0\tB.\ncat.png#0\tC.\ncat.png#1\tD.\n')
    expect(await readAround(three)).toMatchObject({
      ids: ['cat.png', 'cat'],
      problems: ['Expected an id that no photo before has for FILE:3 but received "cat.png"'],
    })
  })

  it('fills up ids of COCO that are numbers, and no others', async () => {
    const annotations = ['7', 'kite'].map((image_id) => ({ image_id, caption: 'A kite.' }))
    const images = await readCaptions(written('ids.json', { annotations }))
    expect(images.map(({ file }) => file)).toEqual(['000000000007.jpg', 'kite.jpg'])
  })

  it('takes every annotation of COCO, as pycocotools does, whatever ids they have', async () => {
    const lines = [
      [1, 'A dog.'],
      [1, 'The dog runs.'],
      [2, 'A cat.'],
      [2, 'A cat.'],
    ] as const
    const captions = lines.map(([, caption]) => caption)
    const imagesWith = async (ids: readonly (number | null | undefined)[]) => {
      const annotations = lines.map(([image_id, caption], i) => ({ id: ids[i], image_id, caption }))
      const images = await readCaptions(written('annotations.json', { annotations }))
      return images.map((image) => image.captions)
    }
    // Counted anew in each image, that of the image, none.
    for (const ids of [[0, 1, 0, 1], [1, 1, 2, 2], [], [null, null, null, null]])
      expect(await imagesWith(ids)).toEqual([captions.slice(0, 2), captions.slice(2)])
  })

  it.each(['coco', 'karpathy'] as const)('says what is wrong with broken JSON of %s', async (format) => {
    const whole = await readFile(join(fixtures, `${format}.json`), 'utf8')
    for (const text of [whole.trimEnd().slice(0, -20), whole.replace(/: [0-9]+/, ': NaN')]) {
      expect(() => JSON.parse(text)).toThrow()
      const path = written('broken.json', text)
      for (const asked of [undefined, format])
        await expect(readCaptions(path, { format: asked })).rejects.toMatchObject({
          code: 'INVALID_DATA',
          message: expect.stringMatching(/^Expected whole JSON in .*broken\.json: .*JSON/s),
        })
    }
    const lines = written('lines.json', '{"caption": "A."}\n{"caption": "B."}')
    await expect(readCaptions(lines)).rejects.toThrow('Expected one of')
    await expect(readCaptions(lines, { format })).rejects.toThrow(
      `Expected ${READERS[format].title} for ${lines} but received "{`,
    )
  })

  it("reads JSON lines of one's own", async () => {
    expect(await readCaptions(join(fixtures, 'own.jsonl'))).toEqual([
      { id: 'mug', file: 'shelf/mug.png', captions: ['A mug.', 'A red mug on a shelf.'], split: 'train' },
      { id: '5', file: 'boat.webp', captions: ['A boat in the reeds'] },
    ])
    expect(await readCaptions(join(fixtures, 'own.jsonl'), { split: 'train' })).toHaveLength(1)
  })

  it('gathers the captions of a photo from all lines that name it, whatever ids those have', async () => {
    const lines = [
      { id: 7, image: 'p/1.jpg', caption: 'A mug.', split: 'val' },
      { id: 8, image: 'p/2.jpg', caption: 'A boat.' },
      { id: 9, image: 'p/1.jpg', caption: 'A red mug.', split: 'val' },
      { image: 'p/2.jpg', captions: ['Reeds.', 'A boat in reeds.'] },
      { id: 8, image: 'p/2.jpg', caption: 'Water.' },
      { image: 'p/3.jpg', caption: '.' },
      { image: 'p/3.jpg', caption: 'A lamp.' },
      { id: 9, image: 'p/4.jpg', caption: 'A tram.' },
    ]
    const path = written('gathered.jsonl', lines.map((line) => JSON.stringify(line)).join('\n'))
    expect(await readAround(path)).toMatchObject({
      images: [
        { id: '7', file: 'p/1.jpg', captions: ['A mug.', 'A red mug.'], split: 'val' },
        { id: '8', file: 'p/2.jpg', captions: ['A boat.', 'Reeds.', 'A boat in reeds.', 'Water.'] },
        { id: '3', file: 'p/3.jpg', captions: ['A lamp.'] },
      ],
      problems: [
        'Expected a caption with words for FILE:6 but received "."',
        'Expected an id that line 1 does not have for FILE:8 but received "9"',
      ],
    })
  })

  it.each([
    ['train', 'test'],
    ['test', undefined],
    [undefined, 'val'],
  ])('refuses a photo of which one line says split %s and another %s', async (one, other) => {
    const lines = [one, other].map((split, id) => JSON.stringify({ id, file: 'a.jpg', caption: 'A.', split }))
    const path = written('splits.jsonl', lines.join('\n'))
    await expect(readAround(path)).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: `Expected split ${one ?? 'none'} of a.jpg, as in line 1, for ${path}:2 but received "${other ?? 'none'}"`,
    })
  })

  it('recognises a single line of JSON, a byte order mark, and what is none of the formats', async () => {
    const line = '\uFEFF{"file": "a.jpg", "caption": "A."}'
    expect(await readCaptions(written('one.jsonl', line))).toHaveLength(1)
    const neither = written('neither.txt', 'photo;caption\na.jpg;A.\n')
    await expect(readCaptions(neither)).rejects.toThrow(
      `Expected one of ${Object.values(READERS)
        .map((reader) => reader.title)
        .join(', ')} for ${neither} but received "photo;caption`,
    )
    await expect(readCaptions(written('empty.txt', ''))).rejects.toThrow('but received ""')
    await expect(readCaptions(written('results.json', '[{"image_id": 1}]'))).rejects.toThrow(
      'Expected one of',
    )
    await expect(readCaptions(written('x.json', '[]'), { format: 'coco' })).rejects.toThrow(
      'Expected COCO captions JSON',
    )
    await expect(readCaptions(join(folder, 'missing.json'))).rejects.toThrow(/Expected captions at .*ENOENT/)
    await expect(readCaptions(written('torn.json.gz', '\x1f\x0b'))).rejects.toThrow('Expected one of')
  })

  it('names what is wrong in COCO captions by position', async () => {
    const { ids, problems } = await readAround(
      written('coco.json', {
        images: [{ id: 1, file_name: 'a.jpg' }, { id: 1 }, { file_name: 'b.jpg' }, { id: 2 }],
        annotations: [
          { id: 1, image_id: 1, caption: 'Good.' },
          { id: 2, image_id: 1, caption: ' . ' },
          { id: 3, caption: 'Whose?' },
          { id: 4, image_id: 9, caption: 'Not listed.' },
        ],
      }),
    )
    expect(ids).toEqual(['1'])
    expect(problems).toEqual([
      'Expected an id used once for FILE: images[1] but received "1"',
      'Expected an id, and file_name as text for FILE: images[2] but received object',
      'Expected a caption with words for FILE: annotations[1] but received " . "',
      'Expected image_id and caption for FILE: annotations[2] but received object',
      'Expected an image_id of the images list for FILE: annotations[3] but received "9"',
      'Expected a caption for FILE: image 2 but received "none"',
    ])
  })

  it('takes no other annotations of COCO for captions', async () => {
    const images = [{ id: 1, file_name: 'a.jpg' }]
    const boxes = [1, 1, 1].map((image_id, id) => ({ id, image_id, category_id: 7, bbox: [0, 0, 9, 9] }))
    const path = written('instances.json', { images, annotations: boxes })
    const problems: Error[] = []
    const read = (format?: CaptionFormat) =>
      readCaptions(path, { format, onProblem: (problem) => problems.push(problem) })
    await expect(read()).rejects.toThrow('Expected one of COCO captions JSON, ')
    await expect(read('coco')).rejects.toThrow(`Expected COCO captions JSON for ${path} but received object`)
    expect(problems).toEqual([])
  })

  it('names what is wrong in dataset.json by position', async () => {
    const good = { filename: 'a.jpg', imgid: 1, split: 'train', sentences: [{ raw: 'A.' }, { raw: '' }] }
    const images = [good, { ...good, filename: 'b.jpg' }, { ...good, imgid: 2, sentences: [] }, { imgid: 3 }]
    const { ids, problems } = await readAround(written('dataset.json', { images }))
    expect(ids).toEqual(['1'])
    expect(problems).toEqual([
      'Expected a caption with words for FILE: images[0].sentences[1] but received ""',
      'Expected an id used once for FILE: images[1] but received "1"',
      'Expected a sentence for FILE: images[2] but received "none"',
      'Expected filename, imgid, split and sentences with raw for FILE: images[3] but received object',
    ])
  })

  it('names what is wrong in token files and JSON lines by line', async () => {
    const tokens = 'a.jpg#0\tA.\r\n\r\na.jpg#0\tAgain.\na.jpg 1\tB.\na.jpg#2\t ,\n'
    expect(await readAround(written('tokens.txt', tokens))).toMatchObject({
      images: [{ id: 'a', captions: ['A.'] }],
      problems: [
        'Expected a caption number used once for FILE:3 but received "a.jpg#0"',
        'Expected name.jpg#k, a tab and a caption for FILE:4 but received "a.jpg 1\\tB."',
        'Expected a caption with words for FILE:5 but received " ,"',
      ],
    })
    const lines = [
      '{"file": "a.jpg", "caption": "A."}',
      '{"file": "b/a.png", "caption": "Another."}',
      '{"file": "c/a.png", "id": "b/a.png", "caption": "Under the name of another."}',
      '{"file": "c/a.jpg", "id": "a", "caption": "Under the id of the first."}',
      '{"file": "c.jpg"}',
      '{"file": "d.jpg", "captions": ["", "D."]}',
      '{"file": "e.jpg", "capt',
    ]
    expect(await readAround(written('lines.jsonl', lines.join('\n')))).toMatchObject({
      ids: ['a', 'b/a.png', 'd'],
      problems: [
        'Expected an id that line 2 does not have for FILE:3 but received "b/a.png"',
        'Expected an id that line 1 does not have for FILE:4 but received "a"',
        'Expected a JSON object with file (or image) and captions for FILE:5 but received "{\\"file\\": \\"c.jpg\\"}"',
        'Expected a caption with words for FILE:6 but received ""',
        'Expected a JSON object with file (or image) and captions for FILE:7 but received "{\\"file\\": \\"e.jpg\\", \\"capt"',
      ],
    })
    const all = readCaptions(join(folder, 'lines.jsonl'))
    await expect(all).rejects.toThrow(/^5 problems: Expected an id that line 2 .*; Expected a JSON object/)
  })

  it('refuses captions that are not gunzipped whole', async () => {
    const path = written('torn.gz', '')
    writeFileSync(path, Buffer.of(0x1f, 0x8b, 8, 0, 0))
    await expect(readCaptions(path)).rejects.toThrow('Expected a whole gzip file')
  })
})
