import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { readBundle, rewriteBundle, rewriteConfidence, writeBundle } from '../decoder/bundle.js'
import { cardScoresOf } from '../decoder/card-scores.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { evaluate } from '../metrics/evaluation.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { register } from './average.js'
import { inProcess } from './fixtures/commands.js'

const CONFIDENCE = { weights: [0, 1, 2, 3], objects: {}, calibration: 'by the test' } as const

const folder = temporaryFolder('average')
const at = (name: string): string => join(folder, name)
beforeAll(() => writeBundle(at('one'), tinyContent()))

const { saidBy } = inProcess(register)
const average = (out: string, ...more: string[]): Promise<string> =>
  saidBy(['average', at('one'), at('one'), '--out', `${folder}/${out}`, ...more])

it('names the bundle after its folder, whose path may end in a slash, and leaves nothing beside it', async () => {
  await average('both/')
  expect((await readBundle(at('both'))).config.name).toBe('both')
  expect((await readdir(folder)).sort()).toEqual(['both', 'one'])
  expect(await readdir(at('both'))).toContain('config.json')
})

it('again, keeps the bundle with the calibration that it has got', async () => {
  await average('kept')
  await rewriteConfidence(at('kept'), CONFIDENCE)
  expect(await average('kept')).toContain(`${at('kept')} is of these bundles and stays as it is\n`)
  expect((await readBundle(at('kept'))).config.confidence?.calibration).toBe('by the test')
})

it('again with another name, keeps calibration, scores and their diagrams', async () => {
  await average('renamed')
  await rewriteConfidence(at('renamed'), CONFIDENCE)
  const photo = { id: '1', file: '1.jpg', candidate: 'a dog', confidence: 0.9, references: ['a dog'] }
  const evaluation = JSON.parse(JSON.stringify(await evaluate([photo], { samples: 40 })))
  const scores = [cardScoresOf('Mine', evaluation, 'mine.json')]
  await rewriteBundle(at('renamed'), () => ({ scores }))
  await average('renamed', '--name', 'other')
  const { config } = await readBundle(at('renamed'))
  expect(config).toMatchObject({ name: 'other', confidence: CONFIDENCE, scores })
  expect(await readFile(at('renamed/README.md'), 'utf8')).toContain('# other\n')
  expect(await readdir(at('renamed'))).toContain('reliability-mine.svg')
})

it('forgets the calibration of other weights', async () => {
  const { decoderWeights, ...content } = tinyContent()
  const other = Object.entries(decoderWeights).map(([name, values]) => [name, values.map((value) => -value)])
  await writeBundle(at('forgetful'), { ...content, decoderWeights: Object.fromEntries(other) })
  await average('forgetful')
  expect((await readBundle(at('forgetful'))).config).not.toHaveProperty('confidence')
})

it('replaces nothing but a bundle', async () => {
  await mkdir(at('run/bundle'), { recursive: true })
  await writeFile(at('notes.txt'), 'mine')
  for (const [taken, found] of [
    ['run', '["bundle"]'],
    ['notes.txt', '"ENOTDIR: not a directory'],
  ] as const)
    await expect(average(taken)).rejects.toThrow(
      `Expected a new or empty folder, or one with config.json, for ${at(taken)} but received ${found}`,
    )
  expect(await readdir(at('run'))).toEqual(['bundle'])
  expect(await readFile(at('notes.txt'), 'utf8')).toBe('mine')
})

it('leaves alone what was called ….old by hand, and makes another', async () => {
  await average('mean')
  await rename(at('mean'), at('mean.old'))
  await rewriteConfidence(at('mean.old'), CONFIDENCE)
  await average('mean')
  expect((await readBundle(at('mean'))).config).not.toHaveProperty('confidence')
  expect((await readBundle(at('mean.old'))).config.confidence).toEqual(CONFIDENCE)
})

it('writes no bundle without a name', async () => {
  await expect(average('nameless', '--name', '')).rejects.toThrow(
    'Expected text of at least 1 characters for name but received ""',
  )
  expect(await readdir(folder)).not.toContain('nameless')
})
