import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { Random } from '../random.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { confusionTable, register } from './classify.js'
import { inProcess, interruptAtWork, killAtWork, outputOf, run } from './fixtures/commands.js'

const { saidBy, writtenBy, refusalOf } = inProcess(register)

const folder = temporaryFolder('classify')
const at = (name: string): string => join(folder, name)
beforeAll(async () => {
  const random = new Random('texts')
  const words = ['red', 'blue', 'cat', 'dog', 'the', 'a', '!']
  const lines = Array.from({ length: 200 }, () => {
    const text = Array.from({ length: 1 + random.below(6) }, () => words[random.below(words.length)]).join(
      ' ',
    )
    return { text: `so ${text}`, label: /red|blue/.test(text) ? 'colour' : 'none' }
  })
  await writeFile(at('texts.jsonl'), lines.map((line) => JSON.stringify(line)).join('\n'))
  await writeFile(at('cats.txt'), [12, 13, 14].map((n) => `${n}.jpg#0\tA cat ${n}`).join('\n'))
  await writeFile(at('dogs.txt'), [25, 26, 27].map((n) => `${n}.jpg#0\tA dog ${n}`).join('\n'))
})

const small = [
  ...[
    '--engine',
    'cpu',
    '--units',
    '6',
    '--embedding-size',
    '4',
    '--batch-size',
    '8',
    '--minimum-count',
    '1',
  ],
  ...['--steps', '60', '--learning-rate', '0.03', '--average-decay', '0.8'],
]

it('showtell classify train, killed and begun again, leaves what an undisturbed run leaves; evaluate and predict take it', async () => {
  const command = (out: string): string[] => [
    ...['classify', 'train', at('texts.jsonl'), '--out', at(out), ...small],
  ]
  expect(await run(command('whole'))).toMatch(/18\d texts to train, 1\d held out, 2 labels, 7 words/)
  expect(await killAtWork(command('parts'), at('parts/log.jsonl'), 4000)).toBe(true)
  await run(command('parts'))
  for (const file of ['log.jsonl', 'bundle/config.json'])
    expect(await readFile(at(`parts/${file}`), 'utf8')).toBe(await readFile(at(`whole/${file}`), 'utf8'))
  const { training } = JSON.parse(await readFile(at('whole/bundle/config.json'), 'utf8'))
  expect(training).toMatchObject({ steps: 60, warmUpSteps: 6 })
  await saidBy(['classify', 'evaluate', at('whole/bundle'), at('texts.jsonl')])
  await saidBy(['classify', 'predict', at('whole/bundle'), 'the red cat'])
  const judged = await outputOf(['classify', 'predict', at('whole/bundle')], 'the red cat\na dog\n')
  expect(judged).toMatch(/^the red cat\tcolour\t[\d.]+\na dog\tnone\t[\d.]+\n$/)
  // A blank line is no text, and nothing to complain of.
  expect(await outputOf(['classify', 'predict', at('whole/bundle')], 'the red cat\n\n \na dog\n\n')).toBe(
    judged,
  )
  expect(
    await saidBy(['classify', 'predict', at('whole/bundle'), `the${' cat'.repeat(60)}`, 'a dog']),
  ).toContain('Expected 60 words a text at most for the texts but received "1 text with more')
  expect(await saidBy(['classify', 'predict', at('whole/bundle'), 'the cat', '!'], [1])).toContain(
    'left out: Expected a text with words for text 2 but received "!"',
  )
  expect(await refusalOf([...command('whole'), '--units', '7'])).toMatch(
    /INVALID_BUNDLE: Expected units 6, as it was begun, for .* but received 7/,
  )
  const other = ['classify', 'evaluate', at('whole/bundle'), '--all', '--data']
  expect(await refusalOf([...other, `cats=${at('cats.txt')}`])).toContain('Expected one of colour, none')
})

it('showtell classify train tells caption files apart, and wants a file of texts or those, not both', async () => {
  const data = ['--data', `cats=${at('cats.txt')}`, `dogs=${at('dogs.txt')}`]
  const command = ['classify', 'train', '--out', at('captions'), ...small]
  expect(await saidBy([...command, ...data])).toContain('4 texts to train, 2 held out, 2 labels')
  await saidBy(['classify', 'evaluate', at('captions/bundle'), ...data])
  expect(await refusalOf([...command, at('texts.jsonl'), ...data])).toContain('one of the two')
  expect(await refusalOf(command)).toContain('one of the two')
})

it('showtell classify evaluate judges the test split, which train does not see, and with --all every text once', async () => {
  const of = (split: string, count: number) =>
    Array.from({ length: count }, (_, i) => ({
      text: `${i % 2 ? 'red' : 'dog'} ${split} ${i}`,
      label: `${i % 2}`,
      split,
    }))
  const texts = [...of('train', 8), ...of('restval', 4), ...of('dev', 6), ...of('test', 3)]
  await writeFile(at('splits.jsonl'), texts.map((text) => JSON.stringify(text)).join('\n'))
  const command = ['classify', 'train', at('splits.jsonl'), '--out', at('splits'), ...small]
  expect(await saidBy([...command, '--steps', '3'])).toContain('12 texts to train, 6 held out')
  const judged = (...more: string[]): Promise<string> =>
    writtenBy(['classify', 'evaluate', at('splits/bundle'), '--engine', 'cpu', ...more])
  expect(await judged(at('splits.jsonl'))).toMatch(/\d of 3 right/)
  expect(await judged(at('splits.jsonl'), '--all')).toMatch(/\d of 21 right/)
  await writeFile(
    at('unsplit.jsonl'),
    of('', 60)
      .map(({ text, label }) => JSON.stringify({ text, label }))
      .join('\n'),
  )
  expect(await judged(at('unsplit.jsonl'), '--all')).toMatch(/\d of 60 right/)
})

it('showtell classify train ends when it fails at work, and tells when it is interrupted', async () => {
  const command = (out: string): string[] => [
    ...['classify', 'train', at('texts.jsonl'), '--out', at(out), ...small, '--steps', '3000'],
  ]
  await mkdir(at('failing/curve.svg'), { recursive: true })
  expect(await refusalOf([...command('failing'), '--validations', '3000'])).toMatch(/^EISDIR: .*curve\.svg/m)
  expect(await interruptAtWork(command('stopped'), at('stopped/log.jsonl'))).toMatch(
    /stopped at step \d+ of 3000; the same command goes on\n$/,
  )
})

it('showtell classify train does not go on with other texts, nor take batches of no size', async () => {
  const command = [
    'classify',
    'train',
    at('changing.jsonl'),
    '--out',
    at('changing'),
    ...small,
    '--steps',
    '2',
  ]
  const texts = await readFile(at('texts.jsonl'), 'utf8')
  await writeFile(at('changing.jsonl'), texts)
  await saidBy(command)
  // As many texts, words and labels as before.
  await writeFile(at('changing.jsonl'), texts.replace('so ', 'so so '))
  expect(await refusalOf(command)).toMatch(
    /INVALID_BUNDLE: Expected the same data \(captions, photos or texts\) as it was begun with for /,
  )
  expect(await refusalOf([...command, '--batch-size', '0'])).toContain(
    'INVALID_ARGUMENT: Expected a positive integer for --batch-size but received "0"',
  )
})

it('the table has what texts are in its lines, what was said of them in its columns, and the shares', () => {
  expect(
    confusionTable(
      ['cats', 'hippopotamuses', 'owls'],
      [
        [90, 8, 2],
        [1, 49, 0],
        [0, 0, 0],
      ],
    ),
  ).toBe(`is \\ said       cats  hippopotamuses  owls    right
cats              90               8     2  90.00 %
hippopotamuses     1              49     0  98.00 %
owls               0               0     0        –
139 of 150 right (92.67 %); always the commonest label: 66.67 %
`)
})
