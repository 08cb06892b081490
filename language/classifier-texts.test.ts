import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isHeldOut } from '../data/splits.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import {
  checkLabels,
  labelsOf,
  MOST_WORDS,
  readLabelled,
  readLabelledCaptions,
  wordsOf,
} from './classifier-texts.js'

const folder = temporaryFolder('labelled')
const at = (name: string): string => join(folder, name)

/** Where there is no problem to hear of. */
const refuse = (problem: Error): void => {
  throw problem
}

const jsonl = (lines: readonly unknown[]): string => lines.map((line) => JSON.stringify(line)).join('\n')

describe('labelled texts', () => {
  it('are read with any labels, and held out where their split says so', async () => {
    await writeFile(
      at('texts.jsonl'),
      `\uFEFF${jsonl([
        { text: 'A cat!', label: 'animals', split: 'train', more: 1 },
        { text: 'Two dogs.', label: 3, split: 'test' },
        { text: 'It rains', label: false, split: 'val' },
        { text: 'A cow', label: 'animals', split: 'restval' },
      ])}\r\n\n`,
    )
    expect(await readLabelled(at('texts.jsonl'), refuse)).toEqual({
      train: [
        { words: ['a', 'cat'], label: 'animals' },
        { words: ['a', 'cow'], label: 'animals' },
      ],
      held: [{ words: ['it', 'rains'], label: 'false' }],
      judged: [{ words: ['two', 'dogs'], label: '3' }],
    })
  })

  it('without splits are held out by a rule that knows only the text', async () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'é', 'z'), minLength: 1, maxLength: 9 })
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 40 }), async (texts) => {
        await writeFile(at('plain.jsonl'), jsonl(texts.map((text, i) => ({ text, label: `${i % 3}` }))))
        const { train, held, judged } = await readLabelled(at('plain.jsonl'), refuse)
        expect(judged).toEqual(held)
        const of = (keep: (text: string) => boolean) => texts.filter(keep).map((text) => [text])
        expect(held.map(({ words }) => words)).toEqual(of((text) => isHeldOut({ id: text })))
        expect(train.map(({ words }) => words)).toEqual(of((text) => !isHeldOut({ id: text })))
      }),
      { numRuns: 20 },
    )
  })

  it('without splits that are read alike, whatever their case and punctuation, are on one side', async () => {
    const texts = Array.from({ length: 40 }, (_, i) => `so good ${i}`).flatMap((text) =>
      ['', '!', ' …'].flatMap((end) => [text + end, text.toUpperCase() + end]),
    )
    await writeFile(at('alike.jsonl'), jsonl(texts.map((text) => ({ text, label: 'x' }))))
    const { train, held } = await readLabelled(at('alike.jsonl'), refuse)
    const [learnt, apart] = [train, held].map((part) => new Set(part.map(({ words }) => words.join(' '))))
    expect(apart!.size).toBeGreaterThan(0)
    expect(learnt!.size + apart!.size).toBe(40)
  })

  it('without a split are left out beside others to train on, and how many is told', async () => {
    const texts = ['train', undefined, 'val', undefined].map((split, i) => ({
      text: `t${i}`,
      label: 'x',
      split,
    }))
    await writeFile(at('mixed.jsonl'), jsonl(texts))
    const problems: string[] = []
    const { train, held } = await readLabelled(at('mixed.jsonl'), ({ message }) => problems.push(message))
    expect([train, held].map((part) => part.map(({ words }) => words))).toEqual([[['t0']], [['t2']]])
    expect(problems).toEqual([
      `Expected a split of each text for ${at('mixed.jsonl')} but received "2 texts without one"`,
    ])
  })

  it('that are none are named by their line', async () => {
    const refuses = async (lines: string, message: string) => {
      await writeFile(at('bad.jsonl'), lines)
      await expect(readLabelled(at('bad.jsonl'), refuse)).rejects.toMatchObject({
        code: 'INVALID_DATA',
        message: expect.stringContaining(message),
      })
    }
    await refuses('{"text":"a","label":"x"}\n{"text":"a"}', 'bad.jsonl line 2')
    await refuses(
      'a\tx',
      'Expected {"text": …, "label": …}, with a "split" of train, restval, val, validation, dev, test or',
    )
    await refuses('{"text":"a","label":"x","split":"eval"}', 'bad.jsonl line 1')
    await refuses('{"text":" … ","label":"x"}', 'Expected a text with words')
    await refuses('{"text":"a","label":""}', 'bad.jsonl line 1')
    await expect(readLabelled(at('none'), refuse)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('without words are left out, and told', async () => {
    const texts = ['A cat', '🎉', 'A dog'].map((text) => ({ text, label: 'x', split: 'train' }))
    await writeFile(at('party.jsonl'), jsonl([...texts, { text: '…', label: 'x', split: 'val' }]))
    const problems: string[] = []
    const { train, held } = await readLabelled(at('party.jsonl'), ({ message }) => problems.push(message))
    expect(train.map(({ words }) => words)).toEqual([
      ['a', 'cat'],
      ['a', 'dog'],
    ])
    expect(held).toEqual([])
    expect(problems).toEqual([
      `Expected a text with words for ${at('party.jsonl')} line 2 but received "🎉"`,
      `Expected a text with words for ${at('party.jsonl')} line 4 but received "…"`,
    ])
  })

  it('are read to a certain word', () => {
    const words = Array.from({ length: 100 }, (_, i) => `w${i}`)
    expect(wordsOf(words.join(' '), 'here')).toEqual(words.slice(0, MOST_WORDS))
  })

  it('that are longer than is read are counted, and so are captions', async () => {
    const text = (words: number) => new Array(words).fill('so').join(' ')
    const lengths = [MOST_WORDS, MOST_WORDS + 1, 1, 2 * MOST_WORDS]
    await writeFile(
      at('long.jsonl'),
      jsonl(lengths.map((n) => ({ text: text(n), label: 'x', split: 'train' }))),
    )
    await writeFile(
      at('long.txt'),
      lengths
        .slice(0, 2)
        .map((n, i) => `14.jpg#${i}\t${text(n)}`)
        .join('\n'),
    )
    const problems: string[] = []
    const tell = ({ message }: Error) => problems.push(message)
    const { train } = await readLabelled(at('long.jsonl'), tell)
    expect(train.map(({ words }) => words.length)).toEqual([MOST_WORDS, MOST_WORDS, 1, MOST_WORDS])
    await readLabelledCaptions([['long', at('long.txt')]], tell)
    expect(problems).toEqual([
      `Expected 60 words a text at most for ${at('long.jsonl')} but received "2 texts with more, read as far as that"`,
      `Expected 60 words a text at most for ${at('long.txt')} but received "1 text with more, read as far as that"`,
    ])
  })
})

it('captions have the label of their file, and all of a photo are on one side', async () => {
  const photo = (number: number) => [`${number}.jpg#0\tThing ${number} seen`, `${number}.jpg#1\tA ${number}`]
  await writeFile(at('one.txt'), [11, 12, 13, 14].flatMap(photo).join('\n'))
  const lines = [
    { image: 'x.jpg', captions: ['A red hat'], split: 'train' },
    { image: 'y.jpg', captions: ['A blue hat'], split: 'val' },
    { image: 'z.jpg', captions: ['A green hat'], split: 'test' },
  ]
  await writeFile(at('two.jsonl'), jsonl(lines))
  const problems: unknown[] = []
  const { train, held, judged } = await readLabelledCaptions(
    [
      ['numbers', at('one.txt')],
      ['hats', at('two.jsonl')],
    ],
    (problem) => problems.push(problem),
  )
  expect(problems).toEqual([])
  const said = (texts: typeof train) => texts.map(({ words, label }) => `${label}: ${words.join(' ')}`)
  expect(said(train)).toEqual([
    ...[11, 12, 14].flatMap((n) => [`numbers: thing ${n} seen`, `numbers: a ${n}`]),
    'hats: a red hat',
  ])
  expect(said(held)).toEqual(['numbers: thing 13 seen', 'numbers: a 13', 'hats: a blue hat'])
  expect(said(judged)).toEqual(['numbers: thing 13 seen', 'numbers: a 13', 'hats: a green hat'])
})

it('a caption that the tokenizer leaves nothing of is left out, and told', async () => {
  await writeFile(at('odd.txt'), ['14.jpg#0\tA cat', '14.jpg#1\tⅧ', '15.jpg#0\tⅧ'].join('\n'))
  const problems: string[] = []
  const { train } = await readLabelledCaptions([['odd', at('odd.txt')]], ({ message }) =>
    problems.push(message),
  )
  expect(train).toEqual([{ words: ['a', 'cat'], label: 'odd' }])
  expect(problems).toEqual(
    ['14', '15'].map((id) => `Expected a text with words for odd image ${id} but received "Ⅷ"`),
  )
})

describe('labels', () => {
  const text = (label: string) => ({ words: ['a'], label })

  it('are those of the texts to train, in order', () => {
    expect(labelsOf({ train: [text('b'), text('a'), text('b')], held: [text('a')] }, 'here')).toEqual([
      'a',
      'b',
    ])
  })

  it('are two or more, and what is held out has no others', () => {
    const [a, b] = [text('a'), text('b')]
    expect(() => labelsOf({ train: [a, a], held: [a] }, 'here')).toThrow('two labels or more')
    expect(() => labelsOf({ train: [a, b], held: [] }, 'here')).toThrow('held out of here')
    expect(() => labelsOf({ train: [a, b], held: [text('c'), a, text('d'), text('c')] }, 'here')).toThrow(
      'Expected texts to train on of each label for here but received "only held-out texts of c, d"',
    )
    expect(() => checkLabels(['a', 'b'], [a, text('c')], 'here')).toThrow(
      'Expected one of a, b for a label of here but received "c"',
    )
    expect(() => checkLabels(['a', 'b'], [a, b, a], 'here')).not.toThrow()
  })
})
