import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { writeBundle } from '../decoder/bundle.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { shippedBundle } from '../engine/shipped.js'
import { evaluate } from '../metrics/evaluation.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { register } from './card.js'
import { inProcess } from './fixtures/commands.js'

const { saidBy } = inProcess(register)
const cardOf = (bundle: string, ...sets: string[]): Promise<string> =>
  saidBy(['card', '--bundle', bundle, '--scores', ...sets.map((set) => `${set}=nowhere.json`)])
const card = (...sets: string[]): Promise<string> => cardOf('nowhere', ...sets)

it.each([
  ['flickr8k-test', 'Flickr8k test'],
  ['one', 'one'],
])('refuses sets called %s and %s: one would show the diagram of the other', async (one, other) => {
  await expect(card('another', one, other)).rejects.toThrow(
    `Expected a name that differs from ${one} in letters or numbers for --scores but received "${other}"`,
  )
})

it('takes names that differ in letters of any script', async () => {
  await expect(card('日本', '中国')).rejects.toThrow('nowhere.json')
})

it('refuses the name of a bundle that ships, and takes a path to it', async () => {
  await expect(cardOf('showtell-base', 'one')).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: `Expected a bundle of your own for --bundle but received "showtell-base", which comes with the package; copy ${shippedBundle()} first`,
  })
  // Goes on to the scores.
  await expect(cardOf(shippedBundle(), 'one')).rejects.toThrow('nowhere.json')
})

it.each([true, false])('takes confidences where the bundle is calibrated: %s', async (isCalibrated) => {
  const folder = temporaryFolder('card-command', onTestFinished)
  const { config, ...content } = tinyContent()
  const { confidence, ...uncalibrated } = config
  const bundle = join(folder, 'bundle')
  await writeBundle(bundle, {
    ...content,
    config: isCalibrated ? { ...uncalibrated, confidence } : uncalibrated,
  })
  const image = { id: '1', file: '1.jpg', candidate: 'a dog', confidence: 0.5, references: ['a dog'] }
  const file = join(folder, 'one.json')
  await writeFile(file, JSON.stringify(await evaluate([image], { samples: 40 })))
  await saidBy(['card', '--bundle', bundle, '--scores', `one=${file}`])
  expect((await readFile(join(bundle, 'README.md'), 'utf8')).includes('## Confidence')).toBe(isCalibrated)
  expect((await readdir(bundle)).includes('reliability-one.svg')).toBe(isCalibrated)
})
