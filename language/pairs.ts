import { numberedLines } from '../data/readers/reader.js'
import { isHeldOut } from '../data/splits.js'
import { readText } from '../data/text-file.js'
import { expected } from '../errors.js'
import { Random } from '../random.js'
import { drawDate, drawDates, type Pair } from './dates.js'

/** What a translator learns from. Pairs of a batch have sources of one length, so that nothing is padded there. */
export interface Lessons {
  /** A pure function of the step. */
  batch(step: number): readonly Pair[]
  /** Never in a batch. */
  readonly validation: readonly Pair[]
  readonly test: readonly Pair[]
}

/** Pairs for validation and for the test of dates. */
const [VALIDATION_DATES, TEST_DATES] = [500, 2000]
/** Dates drawn for each place of a batch, so that there are enough of one length. */
const DRAWN = 16

/** Dates made on the fly, new ones at each step. */
export function dateLessons(size: number, seed: number): Lessons {
  return {
    batch(step) {
      const random = new Random(seed, 'dates', step)
      const drawn = Array.from({ length: DRAWN * size }, () => drawDate(random, 'train'))
      // All are equally likely to be the first, whose length decides.
      return drawn.filter(({ source }) => source.length === drawn[0]!.source.length).slice(0, size)
    },
    validation: drawDates(new Random('validation'), 'validation', VALIDATION_DATES),
    test: drawDates(new Random('test'), 'test', TEST_DATES),
  }
}

/**
 * Pairs of a file; those whose source the rule of `isHeldOut` holds out are for validation and test at once.
 * @param where the name of the file in errors.
 * @throws ShowtellError INVALID_DATA where none are held out, or all.
 */
export function pairLessons(
  pairs: readonly Pair[],
  size: number,
  seed: number,
  where = 'the pairs',
): Lessons {
  const train = pairs.filter(({ source }) => !isHeldOut({ id: source }))
  const held = pairs.filter(({ source }) => isHeldOut({ id: source }))
  for (const [what, part] of Object.entries({ 'to train on': train, 'that are held out': held }))
    if (part.length === 0) throw expected(`pairs ${what}`, where, `none of ${pairs.length}`, 'INVALID_DATA')
  const lengths = bySourceLength(train)
  return {
    batch(step) {
      const random = new Random(seed, 'pairs', step)
      const first = train[random.below(train.length)]!
      const alike = lengths.get(Array.from(first.source).length)!
      const chosen = new Set([first])
      while (chosen.size < Math.min(size, alike.length)) chosen.add(alike[random.below(alike.length)]!)
      return [...chosen]
    },
    validation: held,
    test: held,
  }
}

/** Pairs by the number of characters of their source. */
export function bySourceLength<P extends Pick<Pair, 'source'>>(pairs: readonly P[]): Map<number, P[]> {
  const lengths = new Map<number, P[]>()
  for (const pair of pairs) {
    const length = Array.from(pair.source).length
    const alike = lengths.get(length)
    if (alike === undefined) lengths.set(length, [pair])
    else alike.push(pair)
  }
  return lengths
}

/**
 * A line a pair, source and target with a tab between; further columns are passed over.
 * @throws ShowtellError NOT_FOUND, or INVALID_DATA naming the line that is no pair.
 */
export async function readPairs(path: string): Promise<Pair[]> {
  const text = await readText(path, 'pairs')
  const pairs = Array.from(numberedLines(text), ([number, line]) => {
    const [source, target] = line.split('\t')
    if (!source || !target)
      throw expected('source, tab, target', `${path} line ${number}`, line, 'INVALID_DATA')
    return { source, target }
  })
  if (pairs.length === 0) throw expected('pairs', path, 'none', 'INVALID_DATA')
  return pairs
}
