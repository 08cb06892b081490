import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readCaptions } from '../data/captions.js'
import { tokenize } from '../data/tokenizer.js'
import { createMeteor } from './meteor/meteor.js'
import { loadMeteorResources } from './meteor/resources.js'
import { scoreTokens } from './score.js'

/**
 * Agreement with people on Flickr8k (Hodosh, Young and Hockenmaier 2013), beside the figures that CLIPScore publishes
 * (Hessel et al. 2021, tables 1 and 2), by its protocol: the references are the image's five. Expert: each of three ratings from
 * 1 to 4 counts for itself, pairs whose caption is one of the references are left out, tau-c. CrowdFlower: the share of
 * people who said yes, tau-b. There the paper does not say what becomes of such pairs; here the caption is taken out of the
 * references, which comes closest (left out altogether: CIDEr .221; kept with itself as a reference: .264).
 */
const folder = join(process.env.SHOWTELL_SHARED ?? '../shared', 'datasets/flickr8k')
const PUBLISHED = {
  expert: { Bleu_1: 0.323, Bleu_4: 0.308, ROUGE_L: 0.323, METEOR: 0.418, CIDEr: 0.439 },
  crowd: { Bleu_1: 0.179, Bleu_4: 0.169, ROUGE_L: 0.199, METEOR: 0.222, CIDEr: 0.246 },
}

interface Judged {
  readonly image: string
  readonly caption: string
  readonly values: readonly number[]
}

// The published METEOR knows paraphrases, too.
const paraphrases = process.env.METEOR_PARAPHRASES
const meteor = createMeteor(await loadMeteorResources(paraphrases === undefined ? {} : { paraphrases }))
const problems: string[] = []
const images = await readCaptions(join(folder, 'Flickr8k.token.txt'), {
  onProblem: ({ message }) => problems.push(message),
})
const captions = new Map(images.map(({ file, captions }) => [file, captions.map(tokenize)]))

function judgements(name: string, valuesOf: (fields: readonly string[]) => number[]): Judged[] {
  return readFileSync(join(folder, name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split('\t'))
    .map(([image = '', caption = '', ...fields]) => ({
      image,
      caption,
      values: valuesOf(fields.map(String)),
    }))
    .filter(({ image, caption }) => captions.has(image) && captions.has(caption.split('#')[0] ?? ''))
}

function agreement(judged: readonly Judged[], tau: typeof tauB): Record<string, number> {
  const candidates = judged.map(({ caption }) => {
    const [file = '', number] = caption.split('#')
    return captions.get(file)?.[Number(number)] ?? []
  })
  const references = judged.map(({ image }, index) =>
    (captions.get(image) ?? []).filter((reference) => reference !== candidates[index]),
  )
  const scores = scoreTokens(candidates, references, { meteor })
  return Object.fromEntries(
    Object.entries(scores).map(([name, { perImage }]) => {
      const pairs = judged.flatMap(({ values }, index) =>
        values.map((value) => [perImage[index] ?? 0, value] as const),
      )
      return [name, tau(pairs)]
    }),
  )
}

test.each([
  [
    'Expert',
    'ExpertAnnotations.txt',
    (fields: readonly string[]) => fields.map(Number),
    tauC,
    PUBLISHED.expert,
  ],
  [
    'CrowdFlower',
    'CrowdFlowerAnnotations.txt',
    ([share]: readonly string[]) => [Number(share)],
    tauB,
    PUBLISHED.crowd,
  ],
] as const)('%s judgements: agreement is the published one', (title, file, valuesOf, tau, published) => {
  const all = judgements(file, (fields) => [...valuesOf(fields)])
  const judged = tau === tauC ? all.filter(({ image, caption }) => caption.split('#')[0] !== image) : all
  const found = agreement(judged, tau)
  const rows = Object.entries(found).map(([name, value]) => {
    const stated = published[name as keyof typeof published]
    return `${name.padEnd(8)} ${value.toFixed(3)}   ${stated?.toFixed(3) ?? ''}`
  })
  process.stdout.write(
    `\n${title}, ${judged.length} pairs, Kendall's tau\n         ours    published\n${rows.join('\n')}\n`,
  )
  for (const [name, stated] of Object.entries(published))
    if (found[name] !== undefined) expect(Math.abs(found[name] - stated), name).toBeLessThan(0.01)
})

test('tau-b and tau-c against every pair counted', () => {
  const pairs: [number, number][] = Array.from({ length: 60 }, (_, i) => [(i * 37) % 11, (i * 53) % 4])
  let [concordant, discordant, x, y] = [0, 0, 0, 0]
  for (const [i, a] of pairs.entries())
    for (const b of pairs.slice(i + 1)) {
      const sign = Math.sign(a[0] - b[0]) * Math.sign(a[1] - b[1])
      if (sign > 0) concordant++
      if (sign < 0) discordant++
      if (a[0] !== b[0]) x++
      if (a[1] !== b[1]) y++
    }
  expect(tauB(pairs)).toBeCloseTo((concordant - discordant) / Math.sqrt(x * y), 12)
  expect(tauC(pairs)).toBeCloseTo((2 * (concordant - discordant)) / (60 ** 2 * (3 / 4)), 12)
})

type Pairs = readonly (readonly [number, number])[]

/** Kendall's tau-b: concordant less discordant pairs, over the pairs that differ in each. */
function tauB(pairs: Pairs): number {
  const { surplus, untied } = count(pairs)
  return surplus / Math.sqrt(untied(0) * untied(1))
}

/** Stuart's tau-c, for scales of different lengths. */
function tauC(pairs: Pairs): number {
  const levels = Math.min(...([0, 1] as const).map((side) => new Set(pairs.map((pair) => pair[side])).size))
  return (2 * count(pairs).surplus) / (pairs.length ** 2 * ((levels - 1) / levels))
}

/** In rising order of the first value, how many before are below or above in the second, whose levels are few. */
function count(pairs: Pairs): { surplus: number; untied: (side: 0 | 1) => number } {
  const seen = new Map<number, number>()
  const sorted = [...pairs].sort((a, b) => a[0] - b[0])
  let surplus = 0
  for (let start = 0; start < sorted.length; ) {
    let end = start
    while (end < sorted.length && sorted[end]?.[0] === sorted[start]?.[0]) end++
    const group = sorted.slice(start, end)
    for (const [, value] of group)
      for (const [other, times] of seen) surplus += Math.sign(value - other) * times
    for (const [, value] of group) seen.set(value, (seen.get(value) ?? 0) + 1)
    start = end
  }
  const untied = (side: 0 | 1): number => {
    const times = new Map<number, number>()
    for (const pair of pairs) times.set(pair[side], (times.get(pair[side]) ?? 0) + 1)
    let tied = 0
    for (const number of times.values()) tied += (number * (number - 1)) / 2
    return (pairs.length * (pairs.length - 1)) / 2 - tied
  }
  return { surplus, untied }
}
