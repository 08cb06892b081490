import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Command } from 'commander'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { writeBundle } from '../decoder/bundle.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { register } from './evaluate.js'

let folder: string
let out = ''
let err = ''

beforeEach(() => {
  folder = temporaryFolder('evaluate', onTestFinished)
  // Whoever runs the tests may have it.
  vi.stubEnv('METEOR_PARAPHRASES', undefined)
  out = ''
  err = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text
    return true
  })
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += text
    return true
  })
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

const references = {
  images: [1, 2, 3].map((id) => ({ id, file_name: `${id}.jpg` })),
  annotations: [
    [1, 'A dog runs on the beach.'],
    [1, 'The dog is on a beach.'],
    [2, 'A man rides a horse.'],
    [2, 'A horse with a rider.'],
    [3, 'Two cats.'],
    [3, 'Cats on a bed.'],
  ].map(([image_id, caption], id) => ({ id, image_id, caption })),
}

async function write(name: string, value: unknown): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, typeof value === 'string' ? value : JSON.stringify(value))
  return file
}

async function showtell(...args: string[]): Promise<void> {
  const program = new Command('showtell').exitOverride()
  register(program)
  await program.parseAsync(args, { from: 'user' })
}

test('scores a result file: table, JSON, report; what is left out is named', async () => {
  const results = [
    { image_id: 1, caption: 'A dog on a beach.' },
    { image_id: 2, caption: '' },
    { image_id: 9, caption: 'a cat' },
  ]
  const json = join(folder, 'out.json')
  const html = join(folder, 'out.html')
  await showtell(
    ...['evaluate', '--references', await write('refs.json', references)],
    ...['--candidates', await write('results.json', results), '--json', json, '--html', html],
    ...['--compare', await write('other.json', results.slice(0, 2)), '--people', '--samples', '40'],
  )
  expect(out).toMatch(/2 images.*score/)
  expect(out).toMatch(/CIDEr +\d\.\d{4}/)
  for (const problem of ['no references: 9', 'no caption: 3', 'without a word: 2'])
    expect(err).toContain(problem)
  const saved = JSON.parse(await readFile(json, 'utf8'))
  expect(Object.keys(saved.perImage)).toEqual(['1', '2'])
  expect(saved.perImage['1'].Bleu_1).toBeGreaterThan(0.5)
  expect(saved.corpus.CIDEr).toBeCloseTo((saved.perImage['1'].CIDEr + saved.perImage['2'].CIDEr) / 2, 12)
  expect(saved.comparison.CIDEr.difference).toBe(0)
  expect(saved.warnings).toHaveLength(6)
  expect(saved.paraphrases).toBe(false)
  expect(out).toMatch(/METEOR, no paraphrases +\d\.\d{4}/)
  expect(await readFile(html, 'utf8')).toContain('A dog on a beach.')
})

test('document frequencies of a set, used on itself, change nothing, fractions in it or not', async () => {
  const mixed = structuredClone(references)
  // In two photos: what is in one counts as what is in none.
  mixed.annotations[0]!.caption = 'A dog with 1 1/2 ears.'
  mixed.annotations[2]!.caption = 'A man with 1 1/2 horses.'
  const refs = await write('refs.json', mixed)
  const all = await write(
    'all.json',
    [1, 2, 3].map((image_id) => ({ image_id, caption: 'a dog with 1 1/2 ears' })),
  )
  const df = join(folder, 'df.json')
  const score = async (...more: string[]): Promise<number> => {
    const file = join(folder, 'scores.json')
    await showtell('evaluate', '--references', refs, '--candidates', all, '--json', file, ...more)
    return JSON.parse(await readFile(file, 'utf8')).perImage['1'].CIDEr
  }
  const own = await score('--save-document-frequencies', df)
  expect(own).toBeGreaterThan(0)
  expect(await score('--document-frequencies', df)).toBe(own)
  for (const [content, message] of [
    ['{"images": 3, "coun', `Expected whole JSON in ${df}: `],
    ['{"images": 0}', `Expected a positive number of images for images of ${df} but received 0`],
  ] as const)
    await expect(score('--document-frequencies', await write('df.json', content))).rejects.toThrow(message)
})

test('document frequencies of many photos score one photo', async () => {
  const refs = await write('refs.json', references)
  const all = await write(
    'all.json',
    [1, 2, 3].map((image_id) => ({ image_id, caption: 'a dog on a beach' })),
  )
  const one = await write('one.jsonl', '{"file": "1.jpg", "caption": "a dog on a beach"}\n')
  const df = join(folder, 'df.json')
  const [first, second] = [join(folder, 'a.json'), join(folder, 'b.json')]
  await showtell(
    'evaluate',
    '--references',
    refs,
    '--candidates',
    all,
    '--save-document-frequencies',
    df,
    '--json',
    first,
  )
  await showtell(
    'evaluate',
    '--references',
    refs,
    '--candidates',
    one,
    '--document-frequencies',
    df,
    '--json',
    second,
  )
  const scoreOf = async (file: string): Promise<number> =>
    JSON.parse(await readFile(file, 'utf8')).perImage['1'].CIDEr
  expect(await scoreOf(second)).toBe(await scoreOf(first))
  expect(await scoreOf(second)).toBeGreaterThan(0)
  // What is no CIDEr of the COCO evaluation has another name.
  expect(out).toMatch(/^CIDEr, document frequencies of 3 images +\d/m)
  expect(JSON.parse(await readFile(second, 'utf8')).frequencies).toBe(3)
  expect(JSON.parse(await readFile(first, 'utf8'))).not.toHaveProperty('frequencies')
})

test('only the images of a list are scored, in the report all of them, and nothing is said of the others', async () => {
  const refs = await write('refs.json', references)
  const results = [1, 2, 3].map((image_id) => ({ image_id, caption: `caption ${image_id}` }))
  const candidates = await write('results.json', results)
  const json = join(folder, 'out.json')
  const html = join(folder, 'out.html')
  const list = await write('ids.txt', '3\n000000000001.jpg\n')
  const command = ['evaluate', '--references', refs, '--candidates', candidates, '--only-ids']
  await showtell(...command, list, '--compare', candidates, '--json', json, '--html', html, '--samples', '40')
  expect(err).toMatch(/^only 2 of the 30 images [^\n]*\n$/)
  expect(Object.keys(JSON.parse(await readFile(json, 'utf8')).perImage)).toEqual(['1', '3'])
  const page = await readFile(html, 'utf8')
  for (const id of [1, 3]) expect(page).toContain(`caption ${id}`)
  expect(page).not.toContain('caption 2')

  for (const [content, message] of [
    ['1\n7\n8\n', 'Expected images of the references for .* but received "images 7, 8"'],
    ['1\n01\n', 'Expected each image once for .* but received "01 twice"'],
    ['', 'Expected ids of images for'],
    ['[1, 2', 'Expected whole JSON in'],
  ] as const)
    await expect(showtell(...command, await write('ids.txt', content))).rejects.toThrow(new RegExp(message))
})

test('document frequencies are counted without anything to score, as over a training set', async () => {
  const refs = await write('refs.json', references)
  const df = join(folder, 'df.json')
  await showtell('evaluate', '--references', refs, '--save-document-frequencies', df)
  const { images, counts } = JSON.parse(await readFile(df, 'utf8'))
  expect(images).toBe(3)
  expect(counts).toMatchObject({ dog: 1, a: 3, 'a horse': 1 })
  expect(out).toBe('')
})

test('confidences are measured and drawn, subjects counted, copies found, the extremes kept for another run', async () => {
  const refs = await write('refs.json', references)
  const captions = ['a dog on a beach', 'a man on a horse', 'a dog runs on the beach .']
  const lines = captions.map((caption, i) =>
    JSON.stringify({ file: `${i + 1}.jpg`, caption, confidence: 0.9 - 0.3 * i }),
  )
  const [json, svg, list] = [join(folder, 'out.json'), join(folder, 'out.svg'), join(folder, 'list.json')]
  const more = {
    images: references.images.slice(1),
    annotations: references.annotations.filter(({ image_id }) => image_id !== 1),
  }
  await showtell(
    ...['evaluate', '--references', refs, '--candidates', await write('c.jsonl', lines.join('\n'))],
    ...['--training', await write('more.json', more), refs, '--subjects', await write('s.txt', 'cat\nhorse')],
    ...['--json', json, '--reliability', svg, '--extremes', list, '--samples', '40'],
  )
  const saved = JSON.parse(await readFile(json, 'utf8'))
  expect(saved.calibration).toMatchObject({ captions: 3, right: 2 / 3, auroc: 1 })
  expect(saved.subjects.cat.photos).toBe(0)
  expect(saved.diversity.copied).toBeCloseTo(1 / 3)
  expect(out).toMatch(/expected calibration error +0\.\d{3}/)
  expect(await readFile(svg, 'utf8')).toContain('3 captions')
  const extreme = JSON.parse(await readFile(list, 'utf8'))
  expect(extreme).toHaveLength(3)
  expect(extreme.map(({ image_id }: { image_id: number }) => saved.captions[image_id])).toEqual(
    extreme.map(({ caption }: { caption: string }) => caption),
  )
  await showtell('evaluate', '--references', refs, '--candidates', list, '--only-ids', list, '--json', json)
  expect(Object.keys(JSON.parse(await readFile(json, 'utf8')).perImage)).toHaveLength(3)
  await expect(
    showtell('evaluate', '--references', refs, '--candidates', list, '--reliability', svg),
  ).rejects.toThrow('Expected captions with a confidence for --reliability')
})

test('the list of extremes names images as a file of candidates may, whatever their ids look like', async () => {
  const photos = ['2019.11.jpg', '7.jpg'].map((file) => ({ file, captions: ['a dog', 'a cat'] }))
  const refs = await write('refs.jsonl', photos.map((photo) => JSON.stringify(photo)).join('\n'))
  const lines = photos.map(({ file }) => JSON.stringify({ file, caption: 'a dog' })).join('\n')
  const [list, json] = [join(folder, 'list.json'), join(folder, 'out.json')]
  const command = ['evaluate', '--references', refs, '--samples', '40', '--candidates']
  await showtell(...command, await write('c.jsonl', lines), '--extremes', list)
  await showtell(...command, list, '--only-ids', list, '--json', json)
  expect(Object.keys(JSON.parse(await readFile(json, 'utf8')).perImage).sort()).toEqual(['2019.11', '7'])
})

test('people need two references an image; the one that has fewer is named', async () => {
  const refs = await write(
    'refs.jsonl',
    '{"file":"a.jpg","captions":["x","y"]}\n{"file":"b.jpg","captions":["x"]}\n',
  )
  const results = await write('r.jsonl', '{"file":"a.jpg","caption":"x"}\n{"file":"b.jpg","caption":"x"}\n')
  await expect(
    showtell('evaluate', '--references', refs, '--candidates', results, '--people'),
  ).rejects.toThrow('Expected at least two references for people on image b but received 1')
})

test.each([
  ['[{"image_id":1,"caption":"a"},{"image_id":1,"caption":"b"}]', 'Expected one caption an image'],
  ['[{"image_id":1,"cap', 'Expected whole JSON'],
  ['{"image_id":1}', 'Expected image_id (or file) and caption'],
])('candidates %s', async (text, message) => {
  const refs = await write('refs.json', references)
  const candidates = await write('c.json', text)
  await expect(showtell('evaluate', '--references', refs, '--candidates', candidates)).rejects.toThrow(
    message,
  )
})

test('missing files, no candidates and wrong numbers are named', async () => {
  const refs = await write('refs.json', references)
  await expect(
    showtell('evaluate', '--references', refs, '--candidates', 'none.json', '--count', '2'),
  ).rejects.toThrow("option '--candidates <file>' cannot be used with option '--count <n>'")
  await expect(showtell('evaluate', '--references', refs, '--candidates', 'none.json')).rejects.toThrow(
    'none.json',
  )
  const subjects = await write('s.txt', 'big_red_dog')
  await expect(
    showtell('evaluate', '--references', refs, '--candidates', 'none.json', '--subjects', subjects),
  ).rejects.toThrow(`Expected names of one or two words for ${subjects} but received "big_red_dog"`)
  await expect(showtell('evaluate', '--references', refs)).rejects.toThrow(
    'Expected --candidates, or --images',
  )
  await expect(showtell('evaluate', '--references', refs, '--format', 'foo')).rejects.toThrow(
    'Allowed choices are coco, karpathy, flickr8k, csv, jsonl',
  )
  await expect(showtell('evaluate', '--references', refs, '--limit', '0')).rejects.toThrow('--limit')
})

test('another file without a caption of some image cannot be compared', async () => {
  const refs = await write('refs.json', references)
  const a = await write(
    'a.json',
    [1, 2].map((image_id) => ({ image_id, caption: 'x' })),
  )
  const b = await write('b.json', [{ image_id: 1, caption: 'x' }])
  await expect(showtell('evaluate', '--references', refs, '--candidates', a, '--compare', b)).rejects.toThrow(
    `Expected a caption of image 2, as of ${a}, for ${b} but received "none"`,
  )
})

test('places of results are made, and what cannot be written or read shows before photos are captioned', async () => {
  const refs = await write('refs.json', references)
  const command = ['evaluate', '--references', refs, '--images', folder, '--bundle', join(folder, 'none')]
  await mkdir(join(folder, 'taken'))
  await expect(showtell(...command, '--html', join(folder, 'taken'))).rejects.toThrow(
    `Expected a file that can be written for ${join(folder, 'taken')} but received "a folder"`,
  )
  await expect(showtell(...command, '--samples', '39')).rejects.toThrow(
    'Expected at least 40 for --samples but received 39',
  )
  await expect(showtell(...command, '--paraphrases', join(folder, 'none.gz'))).rejects.toThrow(
    `Expected paraphrases at ${join(folder, 'none.gz')}: ENOENT`,
  )
  const frequencies = join(folder, 'new/place/df.json')
  await showtell('evaluate', '--references', refs, '--save-document-frequencies', frequencies)
  expect(JSON.parse(await readFile(frequencies, 'utf8')).images).toBe(3)
})

test('frequencies alone are counted only where nothing else is asked for', async () => {
  const refs = await write('refs.json', references)
  const command = ['evaluate', '--references', refs, '--save-document-frequencies', join(folder, 'df.json')]
  for (const more of [['--json', join(folder, 'out.json')], ['--people'], ['--beam-size', '5']])
    await expect(showtell(...command, ...more)).rejects.toThrow('Expected --candidates, or --images')
  expect(await readdir(folder)).toEqual(['refs.json'])
  const paraphrases = join(folder, 'paraphrases.gz')
  await writeFile(paraphrases, gzipSync(''))
  vi.stubEnv('METEOR_PARAPHRASES', paraphrases)
  await showtell(...command, '--limit', '2')
  expect(JSON.parse(await readFile(join(folder, 'df.json'), 'utf8')).images).toBe(2)
})

test('captions photos and scores them in one go; a photo that is not there is named', async () => {
  const bundle = join(folder, 'bundle')
  await writeBundle(bundle, tinyContent())
  const lines = ['cat.jpg', 'none.jpg', 'rocket.jpg', 'coffee.jpg'].map((file) =>
    JSON.stringify({ file, captions: ['a photo of something', 'something in a photo'] }),
  )
  const json = join(folder, 'out.json')
  const html = join(folder, 'out.html')
  await showtell(
    ...['evaluate', '--references', await write('refs.jsonl', lines.join('\n')), '--bundle', bundle],
    ...['--images', join(import.meta.dirname, '../examples'), '--limit', '3', '--json', json, '--html', html],
  )
  expect(Object.keys(JSON.parse(await readFile(json, 'utf8')).perImage)).toEqual(['cat', 'rocket'])
  expect(err).toContain('no caption for none.jpg')
  expect(await readFile(html, 'utf8')).toContain('src="data:image/jpeg;base64,')
})
