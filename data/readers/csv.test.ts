import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../../temporary.test.folder.js'
import { commaSeparated } from '../caption-lines.js'
import { readCaptions } from '../captions.js'
import { csvRows } from './csv.js'

const SEPARATORS = [',', ';', '\t']
const folder = temporaryFolder('csv')

/** What is read, and the messages of what is not, without the path. */
async function read(text: string, split?: string) {
  const path = join(folder, 'captions.txt')
  writeFileSync(path, text)
  const problems: string[] = []
  const images = await readCaptions(path, {
    onProblem: ({ message }) => problems.push(message.replaceAll(path, 'FILE')),
    ...(split === undefined ? {} : { split }),
  }).catch((error: Error) => error.message.replaceAll(path, 'FILE'))
  return { images, problems }
}

it('gathers the captions of a photo from its rows', async () => {
  const { images, problems } = await read('image,caption\na/1.jpg,A mug .\n2.jpg,Two boats\na/1.jpg,Red mug')
  expect(images).toEqual([
    { id: '1', file: 'a/1.jpg', captions: ['A mug .', 'Red mug'] },
    { id: '2', file: '2.jpg', captions: ['Two boats'] },
  ])
  expect(problems).toEqual([])
})

it('reads quotes, breaks within them, both ends of lines, a byte order mark, and columns in any order', async () => {
  const text =
    '\uFEFF\r\n"caption", by ,split,file\r\n"A ""red"" mug,\r\nfull" , Ann,train, 1.jpg\r\n\nA dog named "Rex",,,2.jpg\n' +
    '"""Mug""",Bob,train,1.jpg\r\n"",,val,"3, 4.jpg"\r\n'
  const mug = { id: '1', file: '1.jpg', captions: ['A "red" mug,\r\nfull', '"Mug"'], split: 'train' }
  const dog = { id: '2', file: '2.jpg', captions: ['A dog named "Rex"'] }
  expect(await read(text)).toEqual({
    images: [mug, dog],
    problems: ['Expected a caption with words for FILE:8 but received ""'],
  })
  expect((await read(text, 'train')).images).toEqual([mug])
})

it('is told by its first line, whatever is in the others', async () => {
  const { images } = await read('image,caption\n1.jpg,"\n{""file"":1}\n{"\n')
  expect(images).toHaveLength(1)
  const others = [
    ...['photo,caption', 'image', 'image caption', 'image|caption', 'image;caption,file'],
    ...['An image; its caption', '1.jpg;A file; a caption; a mug', '1.jpg\tA mug'],
    ...['["image","caption"]', '["x","file","caption","x"]'],
  ]
  for (const other of others)
    expect((await read(`${other}\na.jpg,A.\n`)).images, other).toMatch(
      /^Expected one of .* CSV with the columns/,
    )
})

it.each(SEPARATORS)(
  'leaves to other formats what has titles with %j in its first caption',
  async (separator) => {
    const caption = ['a mug', 'file', 'caption', 'a mug'].join(separator)
    const asRead = { images: [{ id: '1', file: '1.jpg', captions: [caption] }], problems: [] }
    expect(await read(`1.jpg#0\t${caption}\n`)).toEqual(asRead)
    expect(await read(JSON.stringify({ caption, file: '1.jpg' }))).toEqual(asRead)
  },
)

it.each(SEPARATORS)('reads what a spreadsheet writes with %j between the columns', (separator) => {
  // Quoted where it has to be.
  const written = (field: string): string =>
    field.includes(separator) || /^\s|["\r\n]|\s$/.test(field) ? `"${field.replaceAll('"', '""')}"` : field
  const character = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })
  const unit = fc.oneof(character, fc.constantFrom(...SEPARATORS, '"', '\n'))
  const text = fc.string({ unit, minLength: 1 })
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text)), (photos) => {
      const lines = [['Image', 'CAPTION'], ...photos].map((fields) => fields.map(written).join(separator))
      const rows = csvRows(lines.join('\r\n'), 'f', ({ message }) => expect.unreachable(message))
      expect(Array.from(rows, ({ file, caption }) => [file, caption])).toEqual(photos)
    }),
  )
})

it('takes a decimal comma for a point', () => {
  const rows = csvRows('file;caption;confidence\n1.jpg;A mug, and tea;0,1408\n', 'f', () => {})
  expect([...rows]).toMatchObject([{ caption: 'A mug, and tea', confidence: '0.1408' }])
})

it('names what is wrong by line, and by column', async () => {
  const rows = [
    'file,caption,split',
    '1.jpg,"A\n\nmug",train',
    '1.jpg,A mug, and tea,train',
    ',A mug,train',
    '2.jpg,.,',
  ]
  expect(await read(rows.join('\r\n'))).toMatchObject({
    images: [{ id: '1' }],
    problems: [
      'Expected 3 columns, as the first line has, for FILE:5 but received ["1.jpg", "A mug", "and tea", "train"]',
      'Expected the name of a photo for column file of FILE:6 but received ""',
      'Expected a caption with words for FILE:7 but received "."',
    ],
  })
  expect((await read([...rows, '1.jpg,Again,test'].join('\r\n'))).images).toBe(
    'Expected split train of 1.jpg, as in line 2, for FILE:8 but received "test"',
  )
  const quotes = 'Expected a field whose quotes are doubled or around all of it for column 2 of FILE:3 but'
  expect((await read('image,caption\n1.jpg,"A"\n2.jpg,"A\n3.jpg,A\n')).images).toBe(
    `${quotes} received "\\"A\\n3.jpg,A\\n"`,
  )
  expect((await read('image,caption\n1.jpg,"A"\n2.jpg, "A "red" mug"\n')).images).toContain(quotes)
  expect((await read('image,caption,file\n1.jpg,A,1.jpg\n')).images).toBe(
    'Expected one column file (or image) and one column caption for the first line of FILE but received ["image", "caption", "file"]',
  )
})

it('reads whatever the command writes as it was', () => {
  const text = fc.string({ unit: 'binary', minLength: 1 })
  const lineArbitrary = fc.record({ file: text, caption: text, confidence: fc.nat() })
  fc.assert(
    fc.property(fc.array(lineArbitrary), (lines) => {
      const rows = [...csvRows(commaSeparated(lines), 'f', ({ message }) => expect.unreachable(message))]
      expect(rows.map(({ file, caption, confidence }) => [file, caption, confidence])).toEqual(
        lines.map(({ file, caption, confidence }) => [file, caption, `${confidence}`]),
      )
    }),
  )
})
