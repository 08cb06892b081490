import { expected } from '../errors.js'
import { Random } from '../random.js'
import type { Scores } from './scores.js'

/** A range that a score lies in with a confidence of 95 %. */
export interface Interval {
  readonly low: number
  readonly high: number
}

export interface BootstrapOptions {
  /** How many sets are drawn; at least 40. */
  readonly samples?: number | undefined
  readonly seed?: number | undefined
}

/** What comparing two result files of the same images says of one metric. */
export interface Comparison {
  /** Corpus score of the second less that of the first. */
  readonly difference: number
  readonly interval: Interval
  /**
   * Two-sided: how often a difference at least this far from 0 is met when there is none. Of n images never below
   * 2^(1 − n), the p of a sign test where all differ one way: sets drawn of few images are too much alike.
   */
  readonly p: number
  /** Whether p is below .05, as it never is of five images or fewer. */
  readonly real: boolean
}

const DEFAULTS = { samples: 1000, seed: 0 }
/** What p has to be below for a difference to be real. */
const LEVEL = 0.05
/** So many sets have an interval: p is never less than 2 / (samples + 1), so that fewer leave every value possible. */
const LEAST_SAMPLES = 2 / LEVEL

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
  return Object.fromEntries(names.map((name, index) => [name, intervalOf(drawn[index] ?? [])]))
}

/** @throws ShowtellError INVALID_ARGUMENT where so few sets have no interval. */
export function checkSamples(samples: number, where = 'samples'): void {
  if (samples < LEAST_SAMPLES) throw expected(`at least ${LEAST_SAMPLES}`, where, samples)
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
      const interval = intervalOf(differences)
      const tail = (side: 1 | -1): number => differences.filter((value) => value * side <= 0).length + 1
      const drawnBeyond = (2 * Math.min(tail(1), tail(-1))) / (differences.length + 1)
      const p = Math.min(1, Math.max(drawnBeyond, 2 ** (1 - images)))
      return [name, { difference: second.corpus - first.corpus, interval, p, real: p < LEVEL }]
    }),
  )
}

/** Each statistic on every drawn set, rising. @throws ShowtellError INVALID_ARGUMENT */
function draw(
  statistics: readonly ((images: ArrayLike<number>) => number)[],
  images: number,
  { samples = DEFAULTS.samples, seed = DEFAULTS.seed }: BootstrapOptions,
): number[][] {
  if (!Number.isInteger(samples)) throw expected('an integer', 'samples', samples)
  checkSamples(samples)
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
 * From the least to the greatest value that a test by the sets drawn does not refuse (Davison and Hinkley 1997, section
 * 5.5), so that the interval of a difference is without 0 exactly where the difference is real, but for so few images
 * that none is. These are the percentile limits of their section 5.3, of 1,000 values the 25th from either end; where
 * (samples + 1) / 40 is whole, the values next to them outside, since p is .05 there, not below it.
 */
function intervalOf(rising: readonly number[]): Interval {
  const refused = Math.ceil(((rising.length + 1) * LEVEL) / 2) - 2
  return { low: rising[refused] ?? 0, high: rising[rising.length - 1 - refused] ?? 0 }
}

function sizeOf(scores: Readonly<Record<string, Scores>>): number {
  return Object.values(scores)[0]?.perImage.length ?? 0
}
