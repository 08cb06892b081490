import { describe, expect, it } from 'vitest'
import { Random } from '../../random.js'
import { elements } from '../fixtures/rendered.js'
import { curves, markdown, rowsOf, type Tried } from './report.js'
import type { TrialEvent } from './trial.js'

const WORDS = ['dog', 'cat', 'horse', 'bird', 'runs', 'sits', 'eats', 'sleeps', 'grass', 'snow', 'sand']
const random = new Random('report')
const sentence = (): string[] => Array.from({ length: 6 }, () => WORDS[random.below(WORDS.length)]!)

/** Photos of two styles, two captions each. */
const VALIDATION = Array.from({ length: 30 }, (_, i) => ({
  key: `${i}.jpg`,
  style: i % 3 === 0 ? 'plain' : 'ornate',
  captions: [sentence(), sentence()],
}))
const RIGHT = VALIDATION.map(({ captions }) => captions[0]!)
const WRONG = VALIDATION.map(() => sentence())

const eventsOf = (losses: readonly number[]): TrialEvent[] =>
  losses.map((loss, i) => ({
    step: i + 1,
    totalSteps: losses.length,
    loss,
    gradientNorm: 1,
    learningRate: 0.001,
    seconds: i + 1,
    ...(i % 2 === 1 ? { validationLoss: loss - 1, validationCider: i / 10 } : {}),
  }))

const tried = (name: string, captions: string[][], losses = [5, 4, 3.5, 3.25]): Tried => ({
  name,
  changes: { cell: name },
  parameters: 1234567,
  captions,
  caption: `A | ${name}.`,
  engine: 'onnx',
  photo: '',
  events: eventsOf(losses),
})

describe('the rows of a comparison', () => {
  const rows = rowsOf([tried('one', RIGHT), tried('same', RIGHT), tried('worse', WRONG)], VALIDATION)
  const [one, same, worse] = rows

  it('have the last validation, and the median step without the last, which validates', () => {
    expect(one).toMatchObject({ parameters: 1234567, secondsAStep: 2, validationLoss: 2.25 })
  })

  it('score what is a reference word by word with BLEU-4 of 1', () => {
    expect(one!.scores.Bleu_4).toBeCloseTo(1, 6)
    expect(worse!.scores.Bleu_4).toBeLessThan(0.2)
  })

  it('hold each against the first, photo by photo', () => {
    expect(one!.againstFirst).toBeUndefined()
    for (const score of ['Bleu_4', 'CIDEr']) {
      expect(same!.againstFirst![score]).toMatchObject({ difference: 0, real: false, p: 1 })
      const { difference, interval, real, p } = worse!.againstFirst![score]!
      expect(difference).toBe(worse!.scores[score]! - one!.scores[score]!)
      expect(difference).toBeLessThan(0)
      expect(interval.high).toBeLessThan(0)
      expect({ real, small: p < 0.01 }).toEqual({ real: true, small: true })
    }
  })

  it('are a table in which every line has the cells of its head', () => {
    const text = markdown(rows, {
      steps: 4,
      imagesPerBatch: 2,
      summary: 'plain: 10 photos',
      validationPhotos: 30,
      photo: 'cat.jpg',
      engine: 'cpu',
      common: { cell: 'lstm', wordMemory: true },
    })
    const tables = text.split('\n\n').filter((part) => part.startsWith('|'))
    expect(tables).toHaveLength(2)
    for (const table of tables) {
      const [head, rule, ...lines] = table.split('\n').map((line) => line.split(/(?<!\\)\|/).length)
      expect(lines).toHaveLength(3)
      expect(new Set([rule, ...lines])).toEqual(new Set([head]))
    }
    expect(text).toContain('| one | cell one | 1,234,567 | 2.00 | 2.250 | 1.0000 |')
    expect(text).toContain('cell lstm, wordMemory true')
  })
})

describe('the curves of a comparison', () => {
  const names = Array.from({ length: 12 }, (_, i) => `variant-${i}`)
  const svg = curves(names.map((name) => tried(name, RIGHT)))
  const lines = elements(svg, 'polyline')

  it('are three charts with a line a variant, none looking like another', () => {
    expect(lines).toHaveLength(3 * 12)
    for (const chart of [0, 1, 2]) {
      const looks = lines
        .slice(12 * chart, 12 * (chart + 1))
        .map((line) => `${line.getAttribute('stroke')} ${line.getAttribute('stroke-dasharray')}`)
      expect(new Set(looks).size).toBe(12)
    }
    const texts = elements(svg, 'text').map(({ textContent }) => textContent)
    for (const name of names) expect(texts.filter((text) => text === name)).toHaveLength(3)
  })

  it('show every step of training, and validation where it was', () => {
    const points = lines.map((line) => line.getAttribute('points')!.split(' ').length)
    expect(points).toEqual([...new Array(12).fill(4), ...new Array(24).fill(2)])
  })
})
