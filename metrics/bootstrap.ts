import { expected } from '../errors.js'
import { Random } from '../random.js'
import type { Scores } from './scores.js'

/** A range that a score lies in with the level of confidence asked for, by default 95 %. */
export interface Interval {
  readonly low: number
  readonly high: number
}

export interface BootstrapOptions {
  /** How many sets are drawn. */
  readonly samples?: number
  /** Between 0 and 1. */
  readonly level?: number
  readonly seed?: number
}

/** What comparing two result files of the same images says of one metric. */
export interface Comparison {
  /** Corpus score of the second less that of the first. */
  readonly difference: number
  readonly interval: Interval
  /** Two-sided: how often a difference at least this far from 0 is met when there is none. */
  readonly p: number
  /** Whether p is below 1 less the level, .05 by default. */
  readonly real: boolean
}

const DEFAULTS = { samples: 1000, level: 0.95, seed: 0 }
/** 1 − .95 is a little more than .05 in floating point. */
const ROUNDING = 1e-9

/**
 * Percentile bootstrap intervals of corpus scores (Efron 1979; Koehn 2004 for sets of texts): images are drawn with
 * replacement, the same for all metrics.
 * @throws ShowtellError INVALID_ARGUMENT
 */
export function bootstrapIntervals(
  scores: Readonly<Record<string, Scores>>,
  options: BootstrapOptions = {},
): Record<string, Interval> {
  const names = Object.keys(scores)
  const drawn = draw(
    names.map((name) => (images: ArrayLike<number>) => scores[name]?.resample(images) ?? 0),
    sizeOf(scores),
    options,
  )
  return Object.fromEntries(names.map((name, index) => [name, intervalOf(drawn[index] ?? [], options.level)]))
}

/**
 * Whether as many sets can show a difference to be real: p is never less than 2 / (samples + 1).
 * @throws ShowtellError INVALID_ARGUMENT
 */
export function checkSamples(samples: number, where = 'samples', level = DEFAULTS.level): void {
  const least = Math.floor(2 / (1 - level) + ROUNDING)
  if (samples < least) throw expected(`at least ${least} to compare`, where, samples)
}

/**
 * Whether two captioners differ on the same images: paired bootstrap (Koehn 2004), the drawn images being the same for both.
 * @param before scores of the first, by name
 * @param after scores of the second on the same images in the same order
 * @throws ShowtellError INVALID_ARGUMENT
 */
export function compareScores(
  before: Readonly<Record<string, Scores>>,
  after: Readonly<Record<string, Scores>>,
  options: BootstrapOptions = {},
): Record<string, Comparison> {
  const images = sizeOf(before)
  if (sizeOf(after) !== images) throw expected(`${images} images`, 'the second set of scores', sizeOf(after))
  const { level = DEFAULTS.level, samples = DEFAULTS.samples } = options
  checkLevel(level)
  checkSamples(samples, 'samples', level)
  const pairs = Object.entries(before).flatMap(([name, first]) => {
    const second = after[name]
    return second === undefined ? [] : [{ name, first, second }]
  })
  const drawn = draw(
    pairs.map(
      ({ first, second }) =>
        (sample: ArrayLike<number>) =>
          second.resample(sample) - first.resample(sample),
    ),
    images,
    options,
  )
  return Object.fromEntries(
    pairs.map(({ name, first, second }, index) => {
      const differences = drawn[index] ?? []
      const interval = intervalOf(differences, level)
      const tail = (side: 1 | -1): number => differences.filter((value) => value * side <= 0).length + 1
      const p = Math.min(1, (2 * Math.min(tail(1), tail(-1))) / (differences.length + 1))
      const real = p < 1 - level - ROUNDING
      return [name, { difference: second.corpus - first.corpus, interval, p, real }]
    }),
  )
}

/** Each statistic on every drawn set, rising. */
function draw(
  statistics: readonly ((images: ArrayLike<number>) => number)[],
  images: number,
  { samples = DEFAULTS.samples, seed = DEFAULTS.seed }: BootstrapOptions,
): number[][] {
  if (!Number.isInteger(samples) || samples < 1) throw expected('a positive integer', 'samples', samples)
  const random = new Random('bootstrap', seed)
  const values = statistics.map((): number[] => [])
  const drawn = new Int32Array(images)
  for (let sample = 0; sample < samples; sample++) {
    for (let i = 0; i < images; i++) drawn[i] = random.below(images)
    statistics.forEach((statistic, index) => {
      values[index]?.push(statistic(drawn))
    })
  }
  return values.map((list) => list.sort((a, b) => a - b))
}

function checkLevel(level: number): void {
  if (!(level > 0 && level < 1)) throw expected('a number between 0 and 1', 'level', level)
}

function intervalOf(rising: readonly number[], level = DEFAULTS.level): Interval {
  checkLevel(level)
  const at = (share: number): number => rising[Math.round(share * (rising.length - 1))] ?? 0
  return { low: at((1 - level) / 2), high: at((1 + level) / 2) }
}

function sizeOf(scores: Readonly<Record<string, Scores>>): number {
  return Object.values(scores)[0]?.perImage.length ?? 0
}
