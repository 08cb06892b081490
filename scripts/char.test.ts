import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../engine/backends.js'
import { readCharacterBundle } from '../language/character-bundle.js'
import { openCharacterRuntime } from '../language/character-runtime.js'
import { natsOf } from '../language/reading.js'
import { Random } from '../random.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { register } from './char.js'
import { inProcess, killAtWork, run } from './fixtures/commands.js'

const { saidBy, writtenBy, refusalOf } = inProcess(register)

const folder = temporaryFolder('char')
const at = (name: string): string => join(folder, name)
beforeAll(async () => {
  const random = new Random('words')
  const words = ['the', 'cat', 'sat', 'on', 'a', 'mat', '\n']
  const text = Array.from({ length: 400 }, () => words[random.below(words.length)]).join(' ')
  await writeFile(at('text.txt'), text)
})

const tiny = [
  ...['--engine', 'cpu', '--units', '4', '--embedding-size', '3', '--rows', '2', '--length', '4'],
  ...['--steps', '2', '--warm-up-steps', '1', '--learning-rate', '0.02'],
]

/** Nats a character of a text, asked of the model itself. */
async function natsFor(place: string, text: string, engine: Engine): Promise<number> {
  const bundle = await readCharacterBundle(at(place))
  const runtime = await openCharacterRuntime(bundle, engine)
  try {
    return await natsOf(runtime, bundle.model, bundle.characters.encode(text))
  } finally {
    await runtime.close()
  }
}

/** Of an ASCII text the last tenth, after the character before it. */
const lastTenth = (text: string): string => text.slice(Math.floor(0.9 * text.length) - 1)

describe('showtell char', () => {
  it('train, killed and begun again, leaves what an undisturbed run leaves; evaluate and sample take it', async () => {
    const command = (out: string): string[] => [
      ...['char', 'train', at('text.txt'), '--out', at(out), '--engine', 'cpu'],
      ...['--units', '12', '--embedding-size', '6', '--rows', '4', '--length', '8'],
      ...['--steps', '40', '--learning-rate', '0.02'],
    ]
    await run(command('whole'))
    expect(await killAtWork(command('parts'), at('parts/log.jsonl'), 2500)).toBe(true)
    await run(command('parts'))
    for (const file of ['log.jsonl', 'samples.md', 'bundle/config.json'])
      expect(await readFile(at(`parts/${file}`), 'utf8')).toBe(await readFile(at(`whole/${file}`), 'utf8'))
    const { training } = JSON.parse(await readFile(at('whole/bundle/config.json'), 'utf8'))
    expect(training).toMatchObject({ steps: 40, warmUpSteps: 4 })
    expect((await readdir(at('whole'))).sort()).toEqual([
      'bundle',
      'curve.svg',
      'log.jsonl',
      'samples.md',
      'training',
    ])
    const samples = await readFile(at('whole/samples.md'), 'utf8')
    expect(samples.match(/^## .*$/gm)!.map((title) => title.replace(/,.*/, ''))).toEqual([
      '## at first (step 1',
      '## train more (step 4',
      '## train more (step 12',
      '## train more (step 40',
    ])
    const text = await readFile(at('text.txt'), 'utf8')
    // As long, and the same characters.
    await writeFile(at('text.txt'), text.replace('cat', 'act'))
    expect(await refusalOf(command('whole'))).toContain(
      'INVALID_BUNDLE: Expected the same data (captions, photos or texts) as it was begun with for',
    )
    await writeFile(at('text.txt'), text)
    await writeFile(at('marked.txt'), `\uFEFF${text}`)
    for (const [file, more, read] of [
      ['text.txt', [], lastTenth(text)],
      ['marked.txt', ['--all'], text],
    ] as const) {
      const nats = await natsFor('whole/bundle', read, 'auto')
      expect(await writtenBy(['char', 'evaluate', at('whole/bundle'), at(file), ...more])).toBe(
        `${nats.toFixed(4)} nats a character over ${read.length - 1} characters (${Math.log2(Math.exp(nats)).toFixed(4)} bits, perplexity ${(Math.E ** nats).toFixed(3)})\n`,
      )
    }
    await saidBy(['char', 'sample', at('whole/bundle'), '--length', '20', '--prime', 'the cat'])
    expect(await refusalOf(['char', 'sample', at('whole/bundle'), '--prime', 'Zebra'])).toContain(
      'characters known for --prime but received "Z"',
    )
    await saidBy(['char', 'visualise', at('whole/bundle'), '--length', '60', '--out', at('hidden')])
    expect(await readFile(at('hidden.html'), 'utf8')).toContain('24 units of lstm over 60 characters')
    expect(await readFile(at('hidden.svg'), 'utf8')).toMatch(
      /position in a word \(by chance up to [01]\.\d\d\): (unit cell|no unit)/,
    )
  })

  it('sample and visualise take a model whose text has no line break, and visualise what it knows of a text', async () => {
    await writeFile(at('line.txt'), 'abab '.repeat(60))
    await saidBy(['char', 'train', at('line.txt'), '--out', at('line'), ...tiny])
    const bundle = at('line/bundle')
    expect(await writtenBy(['char', 'sample', bundle, '--length', '20'])).toMatch(/^[ab ]{20}\n$/)
    expect(await writtenBy(['char', 'sample', bundle, '--length', '20', '--prime', 'ba'])).toMatch(
      /^ba[ab ]{20}\n$/,
    )
    expect(await refusalOf(['char', 'sample', bundle, '--seed', 'abc'])).toContain(
      'INVALID_ARGUMENT: Expected an integer of 0 or more for --seed but received "abc"',
    )
    await writeFile(at('half.txt'), 'ab bZ')
    const visualise = (text: string, length: string): string[] => [
      ...['char', 'visualise', bundle, at(text), '--length', length, '--out', at('new/v')],
    ]
    await saidBy(visualise('half.txt', '4'))
    expect(await readFile(at('new/v.html'), 'utf8')).toContain('over 4 characters')
    expect(await refusalOf(visualise('half.txt', '5'))).toContain(
      `known for ${at('half.txt')} but received "Z"`,
    )
    const evaluated = (text: string) => refusalOf(['char', 'evaluate', bundle, at(text)])
    expect(await evaluated('half.txt')).toContain(`known for ${at('half.txt')} but received "Z"`)
    // What train would have read is not read.
    await writeFile(at('before.txt'), `Z${'ab '.repeat(9)}`)
    expect(await writtenBy(['char', 'evaluate', bundle, at('before.txt')])).toContain('over 3 characters')
    await writeFile(at('one.txt'), 'a')
    expect(await evaluated('one.txt')).toContain(`a text that can be split for ${at('one.txt')}`)
    await writeFile(at('empty.txt'), '')
    expect(await refusalOf(visualise('empty.txt', '5'))).toContain(
      'INVALID_DATA: Expected a text with characters',
    )
    for (const length of ['0', 'abc'])
      expect(await refusalOf(visualise('half.txt', length))).toContain(
        'Expected a positive integer for --length',
      )
  })

  it('train and compare name a text that is too short, and what makes it so, before they make anything', async () => {
    const refuses = async (command: string, text: string, message: string, ...more: string[]) => {
      await writeFile(at('short.txt'), text)
      const said = await refusalOf(['char', command, at('short.txt'), '--out', at('none'), ...tiny, ...more])
      expect(said).toContain(`INVALID_DATA: Expected ${message}`)
      expect(await readdir(folder)).not.toContain('none')
    }
    const short = at('short.txt')
    await refuses('train', '', `a text with characters for ${short} but received ""`)
    await refuses('train', 'a', `a text that can be split for ${short} but received "1 characters"`)
    for (const command of ['train', 'compare'])
      await refuses(
        command,
        'abcab '.repeat(10),
        `60 characters or more to train on, for --rows 60 and --length 4, for ${short} but received 54`,
        ...['--rows', '60'],
      )
    await refuses(
      'train',
      'abcab',
      `5 characters or more to train on, for --rows 2 and --length 4, for ${short}`,
    )
  })

  it('visualise refuses a model without a hidden state, and a place that is taken before it reads', async () => {
    await saidBy(['char', 'train', at('text.txt'), '--out', at('window'), '--model', 'window-1', ...tiny])
    const command = ['char', 'visualise', at('window/bundle'), '--out']
    expect(await refusalOf([...command, at('w')])).toContain(
      `Expected a model with a hidden state for ${at('window/bundle')} but received "window-1"`,
    )
    await mkdir(at('taken.html'))
    expect(await refusalOf([...command, at('taken')])).toContain(
      `Expected a file that can be written for ${at('taken.html')}`,
    )
    const joined = ['--model', 'window-3', '--connection', 'residual']
    expect(
      await refusalOf(['char', 'train', at('text.txt'), '--out', at('w3'), ...tiny, ...joined]),
    ).toContain('INVALID_ARGUMENT: Expected plain for connection of window-3 but received "residual"')
  })

  it('compare makes a table of models of one size, and does not train again what is trained', async () => {
    const command = [
      ...['char', 'compare', at('text.txt'), '--out', at('compared'), '--engine', 'cpu'],
      ...['--units', '12', '--embedding-size', '6', '--rows', '4', '--length', '8', '--layers', '1'],
      ...['--steps', '6', '--warm-up-steps', '1', '--learning-rate', '0.02'],
      ...['--models', 'gru', 'window-3'],
    ]
    const said = await saidBy(command)
    expect(said).toContain('gru: ')
    expect(said.match(/^engine: TensorFlow\.js cpu$/gm)).toHaveLength(2)
    const table = await readFile(at('compared/models.md'), 'utf8')
    const rows = table.split('\n').filter((line) => /^\| (gru|window)/.test(line))
    expect(rows.map((row) => row.split('|')[1]!.trim())).toEqual(['gru', 'window-3'])
    const sizes = rows.map((row) => Number(row.split('|')[3]))
    expect(Math.abs(sizes[0]! / sizes[1]! - 1)).toBeLessThan(0.1)
    const heldOut = lastTenth(await readFile(at('text.txt'), 'utf8'))
    for (const [i, name] of ['gru', 'window-3'].entries()) {
      const nats = await natsFor(`compared/${name}/bundle`, heldOut, 'cpu')
      expect(rows[i]).toContain(`| ${nats.toFixed(4)} | ${Math.exp(nats).toFixed(2)} |`)
    }
    const log = await readFile(at('compared/gru/log.jsonl'), 'utf8')
    await saidBy(command)
    expect(await readFile(at('compared/models.md'), 'utf8')).toBe(table)
    expect(await readFile(at('compared/gru/log.jsonl'), 'utf8')).toBe(log)
    expect(await refusalOf([...command, 'gru'])).toContain(
      'INVALID_ARGUMENT: Expected each name once for models but received "gru"',
    )
    await writeFile(at('compared/gru/log.jsonl'), `${log}{"step":\n`)
    expect(await refusalOf(command)).toContain(
      `INVALID_DATA: Expected {"step": …, …} for ${at('compared/gru/log.jsonl:7')}`,
    )
  })
})
