import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { lockForWriting } from '../data/lock.js'
import { readBundle, rewriteConfidence } from '../decoder/bundle.js'
import { readArrays, writeArrays } from '../engine/training-state.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { inProcess, interruptAtWork, run } from './fixtures/commands.js'
import { writeTrainingSet } from './fixtures/training-set.js'
import { register } from './train.js'

const { saidBy, refusalOf } = inProcess(register)

const folder = temporaryFolder('train')
let set: Awaited<ReturnType<typeof writeTrainingSet>>
const at = (...names: string[]): string => join(folder, ...names)
const train = (out: string, ...more: string[]): string[] => [
  ...['train', ...set.begin, '--out', at(out), ...more],
]
const trainFrom = (bundle: string, out: string, ...more: string[]): string[] => [
  ...['train', ...set.goOn, '--from', at(bundle), '--out', at(out), ...more],
]
beforeAll(async () => {
  set = await writeTrainingSet(at('set'), 26)
  await run(train('whole', '--epochs', '1'))
})

it('ends when it fails at work', async () => {
  await mkdir(at('failing/curve.svg'), { recursive: true })
  expect(await refusalOf(train('failing', '--epochs', '1'))).toMatch(/^EISDIR: .*curve\.svg/m)
})

it('interrupted, says so, and the same command goes on', async () => {
  const command = train('stopped', '--epochs', '200')
  const stopped = /stopped at step (\d+) of 2400; the same command goes on\n$/
  const first = stopped.exec(await interruptAtWork(command, at('stopped/log.jsonl')))
  const again = await interruptAtWork(command, at('stopped/log.jsonl'))
  expect(again).toContain(`going on at step ${first![1]}\n`)
  expect(Number(stopped.exec(again)![1])).toBeGreaterThan(Number(first![1]))
})

it('is the only one that writes its folder', async () => {
  await mkdir(at('taken'))
  const release = lockForWriting(at('taken'))
  expect(await run(train('taken', '--epochs', '1'), [1])).toContain(
    `INVALID_DATA: Expected no other writer of ${at('taken')} but process ${process.pid} is writing it`,
  )
  expect(await readdir(at('taken'))).toEqual(['lock'])
  release()
  expect(existsSync(at('whole/lock'))).toBe(false)
})

it('does not begin where something else has the place of its bundle', async () => {
  await mkdir(at('foreign/bundle'), { recursive: true })
  await writeFile(at('foreign/bundle/index.js'), '')
  expect(await refusalOf(train('foreign', '--epochs', '1'))).toContain(
    `INVALID_ARGUMENT: Expected a new or empty folder, or one with config.json, for ${at('foreign/bundle')} but received ["index.js"]`,
  )
  expect(await readdir(at('foreign'), { recursive: true })).toEqual(['bundle', 'bundle/index.js'])
})

it('does not go on with other captions, nor with another bundle to begin with', async () => {
  const captions = at('set/captions.jsonl')
  const before = await readFile(captions, 'utf8')
  const state = at('whole/training/state.safetensors')
  // Words that the vocabulary has, of a photo to train on and of one to validate with.
  for (const id of ['1', '13']) {
    await writeFile(captions, before.replace(`{"id":${id},"file":"${id}.jpg","captions":["`, '$&cat '))
    expect(await refusalOf(train('whole', '--epochs', '1'))).toContain(
      `INVALID_BUNDLE: Expected the same data (captions, photos or texts) as it was begun with for ${state} but received "something else"; another --out, or this one without ${at('whole/training')}, begins anew\n`,
    )
  }
  await writeFile(captions, before)
  await cp(at('whole'), at('begun'), { recursive: true })
  expect(await refusalOf(trainFrom('whole/bundle', 'begun', '--epochs', '1'))).toMatch(
    /Expected from "none", as it was begun, for .* but received "something else"/,
  )
  expect(await refusalOf(train('begun', '--epochs', '2'))).toMatch(/Expected epochs 1, as .* but received 2/)
  expect(await saidBy(train('begun', '--epochs', '1'))).toContain('going on at step 12')
})

it('run again, keeps what was put into a bundle of that training, and says of it what is said now', async () => {
  const path = at('whole/bundle')
  const confidence = { weights: [0, 1, 2, 3], objects: { dog: 1 }, calibration: 'by the test' } as const
  await rewriteConfidence(path, confidence)
  const before = await readFile(join(path, 'config.json'), 'utf8')
  expect(await saidBy(train('whole', '--epochs', '1'))).toContain(
    `${path} is of this training and stays as it is\n`,
  )
  expect(await readFile(join(path, 'config.json'), 'utf8')).toBe(before)
  const other = ['--name', 'other', '--terms', 'mine']
  expect(await saidBy(train('whole', '--epochs', '1', ...other))).toContain(`wrote ${path}\n`)
  expect((await readBundle(path)).config).toMatchObject({ name: 'other', terms: 'mine', confidence })
  expect(await saidBy(train('whole', '--epochs', '1'))).toContain(`wrote ${path}\n`)
  expect(await readFile(join(path, 'config.json'), 'utf8')).toBe(before)
})

it('goes on though the bundle that it began with has been calibrated since', async () => {
  await cp(at('whole/bundle'), at('calibrated'), { recursive: true })
  const command = trainFrom('calibrated', 'rewarded', '--epochs', '1', '--objective', 'cider')
  expect(await saidBy(command)).toContain('24 photos to train, 2 to validate, 8 words, engine')
  await rewriteConfidence(at('calibrated'), { weights: [0, 1, 2, 3], objects: {}, calibration: 'since' })
  expect(await saidBy(command)).toContain('going on at step 12')
})

it('states of the recipe what the objective looks at', async () => {
  const statedOf = async (name: string): Promise<string[]> => {
    const { training } = (await readBundle(at(name, 'bundle'))).config
    const fields = ['labelSmoothing', 'samplesPerImage', 'crossEntropyWeight', 'captionsPerImage']
    return fields.filter((field) => field in training)
  }
  expect(await statedOf('whole')).toEqual(['labelSmoothing', 'captionsPerImage'])
  expect(await statedOf('rewarded')).toEqual(['samplesPerImage', 'crossEntropyWeight', 'captionsPerImage'])
})

it('warms up for a tenth of its steps where nothing is said of it, and says where a warm-up never ends', async () => {
  const command = train('unasked', '--epochs', '1')
  command.splice(command.indexOf('--warm-up-steps'), 2)
  expect(await saidBy(command)).not.toContain('of warm-up')
  expect((await readBundle(at('unasked/bundle'))).config.training).toMatchObject({ warmUpSteps: 1 })
  const card = await readFile(at('unasked/bundle/README.md'), 'utf8')
  expect(card).toContain('| warmUpSteps | 1 |')
  expect(card).not.toContain('undefined')
  expect(await saidBy(train('warming', '--epochs', '1', '--warm-up-steps', '13'))).toContain(
    'the highest learning rate is not reached before the last step: 12 steps, 13 of warm-up\n',
  )
})

it('begins with the words that are asked for now, and goes on with no others', async () => {
  await mkdir(at('words'))
  await writeFile(at('words/vocabulary.json'), '{"version":1,"styles":["old"],"words":["old"]}')
  await saidBy(train('words', '--epochs', '1'))
  const { words } = JSON.parse(await readFile(at('words/vocabulary.json'), 'utf8'))
  expect(words.sort()).toEqual(['a', 'cat', 'dog', 'grass', 'on', 'runs', 'sits', 'snow'])
  const before = await readFile(at('words/vocabulary.json'), 'utf8')
  expect(await refusalOf(train('words', '--epochs', '1', '--minimum-count', '50'))).toMatch(
    new RegExp(
      `^INVALID_DATA: Expected the 8 words of ${at('words/vocabulary.json')}, as it was begun, for --data and --minimum-count .*; another --out begins anew$`,
      'm',
    ),
  )
  expect(await readFile(at('words/vocabulary.json'), 'utf8')).toBe(before)
})

it('takes several files of one style', async () => {
  const [captions, more] = [at('set/captions.jsonl'), at('set/more.jsonl')]
  const lines = (await readFile(captions, 'utf8')).split('\n')
  await writeFile(more, lines.slice(0, 2).join('\n'))
  const command = train('several', '--epochs', '1')
  command.splice(command.indexOf(`plain=${captions}`), 0, `plain=${more}`)
  expect(await saidBy(command)).toContain('26 photos to train')
  expect((await readBundle(at('several/bundle'))).vocabulary.styles).toEqual(['plain'])
})

it('refuses captions of two photos of which the features can have one', async () => {
  const captions = at('set/captions.jsonl')
  const before = await readFile(captions, 'utf8')
  await writeFile(captions, `${before}{"file":"other/1.jpg","captions":["a dog runs"]}\n`)
  expect(await refusalOf(train('two', '--epochs', '1'))).toContain(
    `INVALID_DATA: Expected 1.jpg and other/1.jpg as two photos for ${at('set/features')} but received "1.jpg alone"`,
  )
  await writeFile(captions, before)
})

it('says what is the matter with a state that does not tell its data, and with a broken vocabulary', async () => {
  await cp(at('whole'), at('silent'), { recursive: true })
  const state = at('silent/training/state.safetensors')
  const file = (await readArrays(state))!
  const { data: _, from: __, ...config } = JSON.parse(file.metadata.config!) as Record<string, unknown>
  const arrays = [...file.entries.keys()].map((name) => [name, file.float32(name).data] as const)
  const notes = { ...file.metadata, config: JSON.stringify(config) }
  await writeArrays(state, Object.fromEntries(arrays), notes)
  expect(await refusalOf(train('silent', '--epochs', '1'))).toContain(
    `INVALID_BUNDLE: Expected data none, as it was begun, for ${state} but received "`,
  )
  await writeFile(at('silent/vocabulary.json'), '{"version":')
  expect(await refusalOf(train('silent', '--epochs', '1'))).toContain(
    `INVALID_DATA: Expected a whole ${at('silent/vocabulary.json')} but `,
  )
})

it('is named after its folder, and goes on from a bundle with that one’s encoder and shape', async () => {
  expect((await readBundle(at('whole/bundle'))).config.name).toBe('whole')
  expect(await refusalOf(trainFrom('whole/bundle', 'refused', '--units', '8'))).toContain(
    "option '--from <bundle>' cannot be used with option '--units <n>'",
  )
  expect(await refusalOf(trainFrom('whole/bundle', 'refused', '--encoder-weights', 'a'))).toContain(
    "option '--from <bundle>' cannot be used with option '--encoder-weights <file>'",
  )
})

it.each([
  [['--name', ''], 'Expected text of at least 1 characters for name but received ""'],
  [['--terms', ''], 'Expected text of at least 1 characters for terms but received ""'],
])('refuses %j before it begins', async (options, message) => {
  expect(await refusalOf(train('unsaid', ...options))).toContain(message)
  expect(existsSync(at('unsaid'))).toBe(false)
})

it.each(['two words', 'x'.repeat(41)])('refuses the style %s before it begins', async (style) => {
  const command = train('unsaid').map((word) => word.replace(/^plain=/, `${style}=`))
  expect(await refusalOf(command)).toContain(
    `Expected a style of 1 to 40 characters, none of them a space, < or >, for --data but received "${style}"`,
  )
  expect(existsSync(at('unsaid'))).toBe(false)
})

it('refuses a style that there is not before it begins', async () => {
  expect(await refusalOf(train('styled', '--default-style', 'fancy'))).toContain(
    'INVALID_ARGUMENT: Expected one of plain for --default-style but received "fancy"',
  )
  expect(existsSync(at('styled'))).toBe(false)
})

it('leaves out photos that the features have not, and ends where they have none', async () => {
  const captions = at('set/captions.jsonl')
  const before = await readFile(captions, 'utf8')
  await writeFile(captions, `${before}{"id":100,"file":"folder/100.jpg","captions":["a dog runs"]}\n`)
  const said = await saidBy(train('less', '--epochs', '1'))
  expect(said).toContain(
    `left out: Expected every photo that has captions, also folder/100.jpg, for ${at('set/features')} but`,
  )
  expect(said).toContain('24 photos to train, 2 to validate')
  await writeFile(captions, before.replaceAll('.jpg', '.png'))
  expect(await refusalOf(train('none', '--epochs', '1'))).toContain('INVALID_DATA: Expected every photo')
  await writeFile(captions, before)
})
