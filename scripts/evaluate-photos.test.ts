import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { writeBundle } from '../decoder/bundle.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { register } from './evaluate.js'
import { inProcess } from './fixtures/commands.js'
import { drawPhotos, writeNoise } from './fixtures/photos.js'

const bundle = temporaryFolder('evaluate-photos-bundle')
beforeAll(() => writeBundle(bundle, tinyContent()))

let folder: string
const at = (name: string): string => join(folder, name)
beforeEach(async () => {
  folder = temporaryFolder('evaluate-photos', onTestFinished)
  await drawPhotos(at('photos'), 3)
})

async function write(name: string, lines: readonly object[] | string): Promise<string> {
  const text = typeof lines === 'string' ? lines : lines.map((line) => JSON.stringify(line)).join('\n')
  await writeFile(at(name), text)
  return at(name)
}

const references = (...counts: number[]): Promise<string> =>
  write(
    'refs.jsonl',
    counts.map((count, i) => ({ file: `${i + 1}.jpg`, captions: Array(count).fill('a dog runs') })),
  )

const { saidBy } = inProcess(register)
const evaluate = (...args: string[]): Promise<string> =>
  saidBy(['evaluate', '--images', at('photos'), ...args])
/** Where there is no captioner what is wrong has to show before one is opened. */
const withoutCaptioner = (...args: string[]): Promise<string> => evaluate('--bundle', at('none'), ...args)
const noCaptioner = () => ({ code: 'NOT_FOUND', where: at('none') })

test('a photo that people cannot be scored on shows before photos are captioned, unless it cannot be read', async () => {
  await expect(withoutCaptioner('--references', await references(2, 1, 2), '--people')).rejects.toThrow(
    'Expected at least two references for people on image 2 but received 1',
  )
  const unread = await references(2, 2, 2, 1)
  await expect(withoutCaptioner('--references', unread, '--people')).rejects.toMatchObject(noCaptioner())
  const few = await references(2, 1)
  await expect(withoutCaptioner('--references', few)).rejects.toMatchObject(noCaptioner())
})

test('so does a photo that another file has no caption of', async () => {
  const refs = await references(2, 2, 2, 2)
  const compare = async (...files: string[]): Promise<void> => {
    const lines = files.map((file) => ({ file, caption: 'a dog' }))
    await withoutCaptioner('--references', refs, '--compare', await write('other.jsonl', lines))
  }
  await expect(compare('1.jpg', '3.jpg')).rejects.toThrow(
    `Expected a caption of image 2, as of the captioner, for ${at('other.jsonl')} but received "none"`,
  )
  await expect(compare('1.jpg', '2.jpg', '3.jpg')).rejects.toMatchObject(noCaptioner())
})

test('so do paraphrases that are not packed, and two photos of which the folder has one', async () => {
  const refs = await references(2, 2)
  const plain = await write('plain.gz', 'no gzip')
  await expect(withoutCaptioner('--references', refs, '--paraphrases', plain)).rejects.toThrow(
    `Expected a whole gzip file of paraphrases at ${plain}: `,
  )
  const two = await write(
    'two.jsonl',
    ['1.jpg', 'other/1.jpg'].map((file) => ({ file, captions: ['a dog', 'a cat'] })),
  )
  await expect(withoutCaptioner('--references', two)).rejects.toThrow(
    `Expected 1.jpg and other/1.jpg as two photos for ${at('photos')} but received "1.jpg alone"`,
  )
})

test('--limit means the same images whether their captions are made or read', async () => {
  const refs = await references(2, 2, 2)
  const lines = [3, 2, 1].map((id) => ({ file: `${id}.jpg`, caption: 'a dog' }))
  const images = async (...more: string[]): Promise<string[]> => {
    await evaluate('--references', refs, '--limit', '2', '--samples', '40', '--json', at('out.json'), ...more)
    return Object.keys(JSON.parse(await readFile(at('out.json'), 'utf8')).perImage)
  }
  expect(await images('--candidates', await write('captions.jsonl', lines))).toEqual(['1', '2'])
  expect(await images('--bundle', bundle)).toEqual(['1', '2'])
})

test('captions of a captioner that is not calibrated have no confidence', async () => {
  const { config, ...content } = tinyContent()
  const { confidence: _, ...uncalibrated } = config
  await writeBundle(at('bundle'), { ...content, config: uncalibrated })
  const command = ['--references', await references(2, 2), '--bundle', at('bundle'), '--samples', '40']
  const said = await evaluate(...command, '--json', at('out.json'))
  expect(said.split('confidences are left out, since tiny is not calibrated\n')).toHaveLength(2)
  const saved = JSON.parse(await readFile(at('out.json'), 'utf8'))
  expect(Object.keys(saved.captions)).toEqual(['1', '2'])
  expect(saved).not.toHaveProperty('confidences')
  expect(saved).not.toHaveProperty('calibration')
  await expect(evaluate(...command, '--reliability', at('out.svg'))).rejects.toThrow(
    'Expected a captioner that is calibrated for --reliability but received "tiny"',
  )
})

test('what --json wrote is compared with, and scored again', async () => {
  const refs = await references(2, 2, 2)
  const savedBy = async (...more: string[]) => {
    await evaluate('--references', refs, '--samples', '40', '--json', at('out.json'), ...more)
    return JSON.parse(await readFile(at('out.json'), 'utf8'))
  }
  const { captions, confidences, corpus } = await savedBy('--bundle', bundle)
  await rename(at('out.json'), at('base.json'))
  const again = await savedBy('--candidates', at('base.json'), '--compare', at('base.json'))
  expect(again).toMatchObject({ captions, confidences, corpus })
  expect(again.comparison.CIDEr.difference).toBe(0)
})

test('photos may lie in folders of the folder, under names that are of one each', async () => {
  await drawPhotos(at('photos/2019'), 4)
  const files = ['1.jpg', '4.jpg', 'photos/2019/2.jpg']
  const refs = await write(
    'refs.jsonl',
    files.map((file, id) => ({ id, file, captions: ['a dog runs'] })),
  )
  const out = ['--samples', '40', '--json', at('out.json'), '--html', at('out.html')]
  await evaluate('--references', refs, '--bundle', bundle, ...out)
  expect(Object.keys(JSON.parse(await readFile(at('out.json'), 'utf8')).perImage)).toHaveLength(3)
  expect(await readFile(at('out.html'), 'utf8')).not.toContain('no picture of')
  await drawPhotos(at('photos/2020'), 4)
  await expect(withoutCaptioner('--references', refs)).rejects.toThrow(
    `Expected a name of one photo of ${at('photos')} for 4.jpg but received ["2019/4.jpg", "2020/4.jpg"]`,
  )
})

test('the report shows photos of a camera small', async () => {
  await writeNoise(at('photos/4.png'), 3000, 2000)
  const candidates = await write('captions.jsonl', [{ file: '4.png', caption: 'a dog' }])
  const refs = await write('refs.jsonl', [{ file: '4.png', captions: ['a dog runs'] }])
  await evaluate('--references', refs, '--candidates', candidates, '--html', at('report.html'))
  const page = await readFile(at('report.html'), 'utf8')
  expect(page.length).toBeLessThan(200_000)
  expect(page).toContain('src="data:image/jpeg;base64,')
})
