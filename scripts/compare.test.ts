import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { readBundle } from '../decoder/bundle.js'
import { scoreTokens } from '../metrics/score.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import type { Row } from './compare/report.js'
import { register } from './compare.js'
import { inProcess, interruptAtWork, killAtWork, run } from './fixtures/commands.js'
import { writeTrainingSet } from './fixtures/training-set.js'

const { saidBy, refusalOf } = inProcess(register)

const PHOTO = fileURLToPath(new URL('../examples/cat.jpg', import.meta.url))
const OTHER_PHOTO = fileURLToPath(new URL('../examples/rocket.jpg', import.meta.url))
const STEPS = 7
/** The second is the first by another name. */
const LIST: Record<string, Record<string, unknown>> = {
  first: { attention: 'dot' },
  again: { attention: 'dot' },
  other: { attention: 'dot', cell: 'gru', layers: 2, connection: 'highway', dropout: 0.5 },
}
const NAMES = Object.keys(LIST)

const folder = temporaryFolder('compare')
let command: (out: string, ...more: string[]) => string[]
const at = (...names: string[]): string => join(folder, ...names)
const text = (...names: string[]): Promise<string> => readFile(at(...names), 'utf8')

beforeAll(async () => {
  // 39 photos, three of them to validate: less than the steps take.
  const { begin } = await writeTrainingSet(at('set'), 39)
  await writeFile(at('list.json'), JSON.stringify(LIST))
  command = (out, ...more) => [
    ...['compare', ...begin, '--photo', PHOTO, '--variants', at('list.json')],
    ...['--steps', String(STEPS), '--validations', '3', '--out', at(out), ...more],
  ]
  await run(command('whole'))
})

interface Logged {
  readonly step: number
  readonly seconds?: number
  readonly validationLoss?: number
  readonly validationCider?: number
}

/** What a variant logged, but for the time it took. */
async function logOf(out: string, name: string): Promise<Logged[]> {
  const lines = (await text(out, name, 'log.jsonl')).trimEnd().split('\n')
  return lines.map((line) => {
    const { seconds, ...event } = JSON.parse(line) as Logged
    expect(seconds).toBeGreaterThan(0)
    return event
  })
}

async function rowsOf(out: string): Promise<Row[]> {
  return (JSON.parse(await text(out, 'compare.json')) as { rows: Row[] }).rows
}

const captionsOf = async (out: string, name: string) =>
  (JSON.parse(await text(out, name, 'result.json')) as { captions: string[][] }).captions

describe('showtell compare', () => {
  it('trains every variant for as many steps and validates as often', async () => {
    for (const name of NAMES) {
      const log = await logOf('whole', name)
      expect(log.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7])
      expect(log.filter((event) => event.validationLoss !== undefined).map(({ step }) => step)).toEqual([
        3, 6, 7,
      ])
    }
  })

  it('gives the same variant the same photos, and the same end', async () => {
    expect(await logOf('whole', 'again')).toEqual(await logOf('whole', 'first'))
    expect(await logOf('whole', 'other')).not.toEqual(await logOf('whole', 'first'))
    const [first, again] = await rowsOf('whole')
    expect({ ...again, name: 'first', againstFirst: undefined, secondsAStep: 0 }).toEqual({
      ...first,
      againstFirst: undefined,
      secondsAStep: 0,
    })
    for (const { difference, real } of Object.values(again!.againstFirst!))
      expect({ difference, real }).toEqual({ difference: 0, real: false })
  })

  it('writes a bundle of each with its graphs, whose caption of the photo is in the table', async () => {
    const rows = await rowsOf('whole')
    expect(rows.map(({ name, changes }) => ({ [name]: changes }))).toEqual(
      Object.entries(LIST).map(([name, changes]) => ({ [name]: changes })),
    )
    for (const { name, parameters, caption, engine } of rows) {
      const { config, weights } = await readBundle(at('whole', name, 'bundle'))
      const { dropout, ...shape } = LIST[name]!
      expect(config.decoder).toMatchObject({ units: 8, wordMemory: true, layers: 1, cell: 'lstm', ...shape })
      expect(config.training).toMatchObject({ steps: STEPS, dropout: dropout ?? 0.3 })
      expect(Object.keys(config.files)).toEqual(expect.arrayContaining(['encoder.onnx', 'decoder.onnx']))
      const ofDecoder = [...weights.entries].filter(([weight]) => weight.startsWith('decoder.'))
      const sizes = ofDecoder.map(([, { shape }]) => shape.reduce((product, size) => product * size, 1))
      expect(parameters).toBe(sizes.reduce((sum, size) => sum + size, 0))
      expect(caption).toMatch(/^[A-Z].*\.$/)
      expect(engine).toContain('onnx')
      expect(await text('whole', 'compare.md')).toContain(`| ${name} | ${caption} | ${engine} |`)
    }
  })

  it('warms each up for a tenth of the steps where nothing else is said of it, and says where that never ends', async () => {
    await writeFile(at('warm.json'), JSON.stringify({ usual: {}, warming: { warmUpSteps: 11 } }))
    const given = command('warm', '--steps', '10', '--variants', at('warm.json'))
    given.splice(given.indexOf('--warm-up-steps'), 2)
    given.splice(given.indexOf('--variants'), 2)
    const said = await saidBy(given)
    expect(said.match(/^the highest learning rate .*$/gm)).toEqual([
      'the highest learning rate is not reached before the last step: 10 steps, 11 of warm-up',
    ])
    for (const [name, warmUpSteps] of [
      ['usual', 1],
      ['warming', 11],
    ] as const) {
      expect(JSON.parse(await text('warm', name, 'settings.json'))).toMatchObject({ warmUpSteps })
      const { config } = await readBundle(at('warm', name, 'bundle'))
      expect(config.training).toMatchObject({ warmUpSteps })
    }
    expect(await text('warm', 'compare.md')).toMatch(/What all have .* warmUpSteps 1,/)
  })

  it('scores the captions of the validation photos', async () => {
    const references = (await text('set', 'captions.jsonl'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: number; captions: string[] })
      .filter(({ id }) => id % 13 === 0)
      .map(({ captions }) => captions.map((caption) => caption.split(' ')))
    expect(references).toHaveLength(3)
    for (const { name, scores, validationLoss } of await rowsOf('whole')) {
      const said = await captionsOf('whole', name)
      const { Bleu_4, CIDEr } = scoreTokens(said, references)
      expect(scores.Bleu_4).toBeCloseTo(Bleu_4!.corpus, 12)
      expect(scores.CIDEr).toBeCloseTo(CIDEr!.corpus, 12)
      const last = (await logOf('whole', name)).at(-1)!
      expect(validationLoss).toBe(last.validationLoss)
      expect(scores.CIDEr).toBe(last.validationCider)
    }
  })

  it('killed at random moments and started again gives the same', async () => {
    let killed = 0
    for (const name of ['first', 'other'])
      if (await killAtWork(command('killed'), at('killed', name, 'log.jsonl'), 700)) killed++
    expect(killed).toBeGreaterThan(0)
    // What kills in the middle of writing leave.
    await mkdir(at('killed', 'other', 'bundle.part'), { recursive: true })
    await writeFile(at('killed', 'other', 'result.json.part'), 'half')
    await writeFile(at('killed', 'compare.md.part'), 'half')
    await run(command('killed'))
    for (const name of NAMES) {
      expect(await logOf('killed', name)).toEqual(await logOf('whole', name))
      expect(await captionsOf('killed', name)).toEqual(await captionsOf('whole', name))
      const sums = await Promise.all(
        ['killed', 'whole'].map(async (out) => (await readBundle(at(out, name, 'bundle'))).config.files),
      )
      expect(sums[0]).toEqual(sums[1])
    }
    const files = async (out: string) => (await readdir(at(out), { recursive: true })).sort()
    expect(await files('killed')).toEqual(await files('whole'))
    expect((await files('whole')).filter((file) => /training|\.part/.test(file))).toEqual([])
  })

  it('adds a variant to those that are done, which stay as they are', async () => {
    const done = () =>
      Promise.all(NAMES.map(async (name) => (await stat(at('whole', name, 'result.json'))).mtimeMs))
    const before = await done()
    await writeFile(at('more.json'), JSON.stringify({ more: { attention: 'none', wordMemory: false } }))
    const asked = command('whole', '--steps', String(STEPS))
    asked.splice(asked.indexOf(at('list.json')) + 1, 0, at('more.json'))
    await saidBy(asked)
    expect((await rowsOf('whole')).map(({ name }) => name)).toEqual([...NAMES, 'more'])
    expect(await done()).toEqual(before)
  })

  it.each([
    [['--seed', '2'], /INVALID_DATA: Expected seed 1, as it was begun, for .*settings\.json but received 2/],
    [
      ['--minimum-count', '0'],
      /INVALID_ARGUMENT: Expected a positive integer for --minimum-count but received "0"/,
    ],
    [['--minimum-count', '100'], /INVALID_DATA: Expected the \d+ words .*, as it was begun, for --data and/],
    [['--steps', '0'], /INVALID_ARGUMENT: Expected an integer from 1 for steps but received 0/],
    [['--photo', 'nowhere.jpg'], /NOT_FOUND: .*nowhere\.jpg/],
    [['--cell', 'grue'], /INVALID_ARGUMENT: Expected one of rnn, .* for cell but received "grue"/],
  ])('refuses %j before anything is trained', async (more, message) => {
    expect(await refusalOf(command('whole', ...more))).toMatch(message)
  })

  it('refuses a variant that its recipe does not fit, the last too, before the first is trained', async () => {
    await writeFile(at('unfit.json'), JSON.stringify({ fit: {}, unfit: { wordMemory: false } }))
    const asked = command('unfit', '--photo-words-weight', '0.1')
    asked[asked.indexOf(at('list.json'))] = at('unfit.json')
    expect(await refusalOf(asked)).toContain(
      'INVALID_ARGUMENT: Expected a decoder with word memory for photoWordsWeight of unfit but received "one without"',
    )
    expect(await readdir(at('unfit'))).toEqual(['vocabulary.json'])
  })

  it('refuses a variant whose bundle would take the place of something else, before the first is trained', async () => {
    await mkdir(at('foreign', 'other', 'bundle'), { recursive: true })
    await writeFile(at('foreign', 'other', 'bundle', 'index.js'), '')
    expect(await refusalOf(command('foreign'))).toContain(
      `INVALID_ARGUMENT: Expected a new or empty folder, or one with config.json, for ${at('foreign', 'other', 'bundle')} but`,
    )
    expect((await readdir(at('foreign'), { recursive: true })).sort()).toEqual([
      'other',
      'other/bundle',
      'other/bundle/index.js',
      'vocabulary.json',
    ])
  })

  it('tells when it is interrupted, and writes nothing yet', async () => {
    const stopped = command('stopped', '--steps', '500')
    const said = await interruptAtWork(stopped, at('stopped', 'first', 'log.jsonl'))
    expect(said).toMatch(/stopped at first; the same command goes on\n$/)
    expect(await readdir(at('stopped'))).not.toContain('compare.md')
  })

  it('says nothing of a table where no variant came to its end', async () => {
    const asked = command('wild')
    await writeFile(at('wild.json'), JSON.stringify({ wild: { learningRate: 1e38 } }))
    asked[asked.indexOf(at('list.json'))] = at('wild.json')
    const said = await saidBy(asked, [1])
    expect(said).toContain('left out: wild: Expected a finite loss')
    expect(said).not.toContain('wrote')
  })

  it('captions another photo anew', async () => {
    const file = at('whole', 'first', 'result.json')
    const found = JSON.parse(await readFile(file, 'utf8')) as object
    await writeFile(file, JSON.stringify({ ...found, caption: 'Stale.' }))
    const log = await text('whole', 'first', 'log.jsonl')
    await run(command('whole', '--photo', OTHER_PHOTO))
    const photo = createHash('sha256')
      .update(await readFile(OTHER_PHOTO))
      .digest('hex')
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ photo })
    expect(await text('whole', 'compare.md')).not.toContain('Stale.')
    expect(await text('whole', 'first', 'log.jsonl')).toBe(log)
  })

  it('refuses to go on with other lessons, drawn by another seed, where a variant keeps its own', async () => {
    await writeFile(at('own.json'), JSON.stringify({ own: { attention: 'dot', seed: 5 } }))
    const asked = command('own', '--steps', '1')
    asked[asked.indexOf(at('list.json'))] = at('own.json')
    await saidBy(asked)
    expect(await refusalOf([...asked, '--seed', '2'])).toContain('INVALID_DATA: Expected the same data (')
  })

  it.each([
    ['settings.json', '[]'],
    ['result.json', '{"parameters":'],
    ['result.json', '{"parameters":3}'],
  ])('names a damaged %s', async (name, content) => {
    await cp(at('whole', 'first'), at('damaged', 'first'), { recursive: true })
    await writeFile(at('damaged', 'first', name), content)
    expect(await refusalOf(command('damaged'))).toContain(
      `INVALID_DATA: Expected a whole ${at('damaged', 'first', name)} but `,
    )
  })
})
