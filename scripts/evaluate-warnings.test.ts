import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { register } from './evaluate.js'
import { inProcess } from './fixtures/commands.js'

let folder: string
const at = (name: string): string => join(folder, name)
beforeEach(() => {
  folder = temporaryFolder('evaluate-warnings', onTestFinished)
  // Whoever runs the tests may have it.
  vi.stubEnv('METEOR_PARAPHRASES', undefined)
})
afterEach(() => void vi.unstubAllEnvs())

async function write(name: string, lines: readonly object[]): Promise<string> {
  await writeFile(at(name), lines.map((line) => JSON.stringify(line)).join('\n'))
  return at(name)
}

const { saidBy, writtenBy } = inProcess(register)

/** A photo for each list of references. */
const photos = (...references: string[][]) =>
  references.map((captions, id) => ({ id, file: `${id}.jpg`, captions }))

test('so few photos that they say nothing are warned of wherever the scores are', async () => {
  const args = [
    ...['evaluate', '--references', await write('refs.jsonl', photos(['a dog'], ['a cat']))],
    ...['--candidates', await write('c.jsonl', [{ file: '0.jpg', caption: 'a dog' }])],
  ]
  const few = 'only 1 of the 30 images that intervals and p need to say much'
  const cider = ', and CIDEr without --document-frequencies (0 of one image)'
  expect(await saidBy([...args, '--json', at('o.json'), '--html', at('o.html')])).toContain(
    `${few}${cider}\n`,
  )
  expect(JSON.parse(await readFile(at('o.json'), 'utf8')).warnings).toContain(few + cider)
  expect(await readFile(at('o.html'), 'utf8')).toContain(`<li>${few}${cider}</li>`)

  await saidBy(['evaluate', '--references', at('refs.jsonl'), '--save-document-frequencies', at('df.json')])
  expect(await saidBy([...args, '--document-frequencies', at('df.json')])).toContain(`${few}\n`)
})

test('thirty photos are no few', async () => {
  const many = photos(...Array<string[]>(30).fill(['a dog']))
  const captions = many.map(({ file }) => ({ file, caption: 'a dog' }))
  const files = [
    '--references',
    await write('refs.jsonl', many),
    '--candidates',
    await write('c.jsonl', captions),
  ]
  expect(await saidBy(['evaluate', ...files, '--samples', '40'])).toBe('')
})

test('one photo tells no difference, whatever its scores', async () => {
  const refs = await write('refs.jsonl', photos(['a dog runs on the beach']))
  const good = await write('good.jsonl', [{ file: '0.jpg', caption: 'a dog runs on the beach' }])
  const bad = await write('bad.jsonl', [{ file: '0.jpg', caption: 'cats' }])
  const table = await writtenBy(['evaluate', '--references', refs, '--candidates', good, '--compare', bad])
  expect(table).toMatch(/^Bleu_1 .* -1\.0000 – -1\.0000 +1\.000 +no$/m)
})

test('photos that were trained on are counted, where references and training are one file', async () => {
  const splits = ['train', 'train', 'val', 'test']
  const marked = photos(...Array<string[]>(4).fill(['a dog'])).map((photo, i) => ({
    ...photo,
    split: splits[i],
  }))
  const refs = await write('refs.jsonl', marked)
  const candidates = await write(
    'c.jsonl',
    marked.map(({ file }) => ({ file, caption: 'a dog' })),
  )
  const command = ['evaluate', '--references', refs, '--candidates', candidates, '--samples', '40']
  const said = '2 of 4 images were trained on\n'
  // The same file by another path.
  const again = `${folder}/./refs.jsonl`
  expect(await saidBy([...command, '--training', again, '--json', at('o.json')])).toContain(said)
  expect(JSON.parse(await readFile(at('o.json'), 'utf8')).warnings).toContain(said.trim())
  for (const more of [
    ['--training', refs, '--split', 'test'],
    ['--training', await write('other.jsonl', marked)],
  ])
    expect(await saidBy([...command, ...more])).not.toContain('trained on')
})

test('references without words are left out, where the COCO evaluation counts them, and that is said', async () => {
  const refs = await write('refs.jsonl', photos(['a dog on the grass', '???'], ['❤', 'a cat sits']))
  const captions = ['a dog on grass', 'a cat'].map((caption, id) => ({ file: `${id}.jpg`, caption }))
  const args = ['evaluate', '--references', refs, '--candidates', await write('c.jsonl', captions)]
  const said = `${refs}: captions without words left out: 2; the COCO evaluation scores against them, too`
  expect(await saidBy([...args, '--json', at('o.json')])).toContain(`${said}\n`)
  expect(JSON.parse(await readFile(at('o.json'), 'utf8')).warnings).toContain(said)
})

test('of entries that are left out for other reasons nothing is said of the COCO evaluation', async () => {
  const images = [1, 2].map((id) => ({ id, file_name: `${id}.jpg` }))
  const refs = await write('coco.json', [{ images, annotations: [{ image_id: 1, caption: 'a dog' }] }])
  const candidates = await write('c.jsonl', [{ file: '1.jpg', caption: 'a dog' }])
  const said = await saidBy(['evaluate', '--references', refs, '--candidates', candidates])
  expect(said).toContain(`Expected a caption for ${refs}: image 2 but received "none"\n`)
  expect(said).not.toContain('COCO evaluation')
})

test('a name of two photos is refused also where only one of them is scored', async () => {
  const two = ['train/1.jpg', 'test/1.jpg'].map((file, id) => ({ id, file, captions: ['a dog'] }))
  const refs = await write('refs.jsonl', two)
  const candidates = await write('c.jsonl', [{ file: '1.jpg', caption: 'a dog' }])
  for (const more of [[], ['--limit', '1']])
    await expect(
      saidBy(['evaluate', '--references', refs, '--candidates', candidates, ...more]),
    ).rejects.toThrow(`Expected a name of one image for ${candidates} but received "1.jpg"`)
})
