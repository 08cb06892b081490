import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { isHeldOut } from '../data/splits.js'
import { Characters } from '../language/characters.js'
import { datesOfYear } from '../language/dates.js'
import { translate } from '../language/translation.js'
import { readTranslatorBundle } from '../language/translator-bundle.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { inProcess, killAtWork, run } from './fixtures/commands.js'
import { register } from './translate.js'
import { withWeights } from './with-weights.js'

const { saidBy, writtenBy, refusalOf } = inProcess(register)

const letters = ['a', 'b', 'c', 'd']
const words = letters.flatMap((x) => letters.flatMap((y) => ['', ...letters].map((z) => x + y + z)))

const folder = temporaryFolder('translate')
const at = (name: string): string => join(folder, name)
beforeAll(async () => {
  const lines = words.map((word) => `${word}\t${Array.from(word).toReversed().join('').toUpperCase()}\r\n`)
  await writeFile(at('pairs.tsv'), lines.join(''))
})

const small = [
  ...['--engine', 'cpu', '--units', '8', '--attention-units', '4', '--embedding-size', '4'],
  ...['--batch-size', '8', '--steps', '40', '--warm-up-steps', '4', '--learning-rate', '0.02'],
]

/** What `evaluate` says of pairs of which every third is what the model makes of its source. */
async function judgesExactly(place: string): Promise<void> {
  const bundle = await readTranslatorBundle(at(place))
  const { model, alphabets, maxLength } = bundle
  const found = await withWeights(bundle, 'cpu', (ops, weights) =>
    translate(ops, model, alphabets, weights, words, { beamSize: 3, maxLength }),
  )
  const pairs = words.map((id, i) => ({ id, target: `${found[i]!.text}${i % 3 === 0 ? '' : '!'}` || '!' }))
  await writeFile(at('judged.tsv'), pairs.map(({ id, target }) => `${id}\t${target}\n`).join(''))
  for (const [more, judged] of [
    [[], pairs.filter(isHeldOut)],
    [['--all'], pairs],
  ] as const) {
    const right = judged.filter(({ target }) => !target.endsWith('!')).length
    expect(right).toBeGreaterThan(0)
    expect(
      await writtenBy(['translate', 'evaluate', at(place), at('judged.tsv'), '--engine', 'cpu', ...more]),
    ).toBe(
      `${right} of ${judged.length} exactly right (${((100 * right) / judged.length).toFixed(2)} %), attention additive\n`,
    )
  }
  await writeFile(at('few.tsv'), 'ab\tBA\n')
  expect(await refusalOf(['translate', 'evaluate', at(place), at('few.tsv')])).toContain(
    `INVALID_DATA: Expected pairs that are held out for ${at('few.tsv')} but received "none of 1"`,
  )
}

it('showtell translate train, killed and begun again, leaves what an undisturbed run leaves; evaluate and text take it', async () => {
  const command = (out: string): string[] => [
    ...['translate', 'train', at('pairs.tsv'), '--out', at(out), ...small],
  ]
  await run(command('whole'))
  expect(await killAtWork(command('parts'), at('parts/log.jsonl'), 2500)).toBe(true)
  await run(command('parts'))
  for (const file of ['log.jsonl', 'bundle/config.json'])
    expect(await readFile(at(`parts/${file}`), 'utf8')).toBe(await readFile(at(`whole/${file}`), 'utf8'))
  // As many pairs, and the same characters.
  const pairs = await readFile(at('pairs.tsv'), 'utf8')
  await writeFile(at('pairs.tsv'), pairs.replace('AB', 'BA'))
  expect(await refusalOf(command('whole'))).toMatch(
    /INVALID_BUNDLE: Expected the same data \(captions, photos or texts\) as it was begun with for /,
  )
  await writeFile(at('pairs.tsv'), pairs)
  await judgesExactly('whole/bundle')
  const drawn = ['--picture', at('new/place/looks.svg'), '--engine', 'cpu']
  expect(await saidBy(['translate', 'text', at('whole/bundle'), 'abc', 'd?', '?é', ...drawn])).toContain(
    'characters that the model has not learnt: "?", "é"\n',
  )
  expect((await readFile(at('new/place/looks.svg'), 'utf8')).match(/<title>[^<]*/g)).toEqual([
    expect.stringContaining('Alignments'),
    expect.stringMatching(/^<title>abc → /),
    expect.stringMatching(/^<title>d\? → /),
    expect.stringMatching(/^<title>\?é → /),
  ])
  // What only held-out pairs have is in the alphabet, and yet nothing is learnt of it.
  const unseen = Array.from({ length: 99 }, (_, n) => 'z'.repeat(n + 1)).find((id) => isHeldOut({ id }))!
  await writeFile(at('unseen.tsv'), `${pairs}${unseen}\tA\n`)
  const seen = ['translate', 'train', at('unseen.tsv'), '--out', at('unseen'), ...small, '--steps', '2']
  const told = await saidBy(seen)
  expect(told).toContain('characters that the model has not learnt: "z"\n')
  expect(told).toContain('not reached before the last step: 2 steps, 4 of warm-up\n')
})

it('showtell translate without attention has no picture to draw, and dates are made where no pairs are given', async () => {
  const none = ['--attention', 'none', '--steps', '2', '--out', at('dates')]
  // Of so few dates many characters are never drawn.
  await saidBy(['translate', 'train', ...small.slice(0, 8), '--batch-size', '1', '--seed', '2', ...none])
  const bundle = JSON.parse(await readFile(at('dates/bundle/config.json'), 'utf8'))
  expect(bundle.training).toMatchObject({ steps: 2, warmUpSteps: 0 })
  expect(bundle.model).toMatchObject({ attention: 'none', data: 'dates', maxLength: 20 })
  const sources = datesOfYear().map(({ source }) => source)
  expect(bundle.model.characters.source).toEqual(Characters.of(sources).list)
  const drawn = ['--picture', at('none.svg'), '--engine', 'cpu']
  expect(await refusalOf(['translate', 'text', at('dates/bundle'), '5 May 1979', ...drawn])).toContain(
    'Expected a model with attention for --picture but received "none"',
  )
  const broken = ['translate', 'train', '--out', at('broken'), ...small, at('broken.tsv')]
  await writeFile(at('broken.tsv'), 'a\tA\nb\n')
  expect(await refusalOf(broken)).toContain('broken.tsv line 2')
  expect(await refusalOf([...broken, '--batch-size', 'many'])).toContain(
    'INVALID_ARGUMENT: Expected a positive integer for --batch-size but received "many"',
  )
})
