import { expected } from '../errors.js'
import { Random } from '../random.js'
import type { Scores } from './scores.js'

/** A range that a score lies in with the level of confidence asked for, by default 95 %. */
export interface Interval {
  readonly low: number
  readonly high: number
}

export interface BootstrapOptions {
  /** How many sets are drawn; at least 2 / (1 − level), 40 for 95 %. */
  readonly samples?: number | undefined
  /** Between 0 and 1. */
  readonly level?: number | undefined
  readonly seed?: number | undefined
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
 * Whether so many sets have an interval: p is never less than 2 / (samples + 1), so that fewer leave every value possible.
 * @throws ShowtellError INVALID_ARGUMENT
 */
export function checkSamples(samples: number, where = 'samples', level = DEFAULTS.level): void {
  const least = Math.floor(2 / (1 - level) + ROUNDING)
  if (samples < least) throw expected(`at least ${least}`, where, samples)
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
  const { level = DEFAULTS.level } = options
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

/** Each statistic on every drawn set, rising. @throws ShowtellError INVALID_ARGUMENT */
function draw(
  statistics: readonly ((images: ArrayLike<number>) => number)[],
  images: number,
  { samples = DEFAULTS.samples, level = DEFAULTS.level, seed = DEFAULTS.seed }: BootstrapOptions,
): number[][] {
  if (!(level > 0 && level < 1)) throw expected('a number between 0 and 1', 'level', level)
  if (!Number.isInteger(samples)) throw expected('an integer', 'samples', samples)
  checkSamples(samples, 'samples', level)
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

/**
 * From the least to the greatest value that a test with the p of `compareScores` does not refuse (Davison and Hinkley 1997,
 * section 5.5), so that the interval of a difference is without 0 exactly where the difference is real. These are the
 * percentile limits of their section 5.3, of 1,000 values the 25th from either end; where (samples + 1) · (1 − level) / 2
 * is whole, the values next to them outside, since p is 1 less the level there, not below it.
 */
function intervalOf(rising: readonly number[], level = DEFAULTS.level): Interval {
  const refused = Math.ceil(((rising.length + 1) * (1 - level)) / 2 - ROUNDING) - 2
  return { low: rising[refused] ?? 0, high: rising[rising.length - 1 - refused] ?? 0 }
}

function sizeOf(scores: Readonly<Record<string, Scores>>): number {
  return Object.values(scores)[0]?.perImage.length ?? 0
}
