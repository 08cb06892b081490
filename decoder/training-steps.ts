/** One training on the way to a bundle, or one mean of bundles. */
export interface TrainingStep {
  /** What it went on from: nothing, a step before, or several that it is the mean of; by their numbers, from 1. */
  readonly from: readonly number[]
  /** What was stated of it. */
  readonly settings: Readonly<Record<string, unknown>>
}

type Stated = Readonly<Record<string, unknown>>

/**
 * The trainings that made a bundle, in their order, the last of them its own. Each is there once, however often means of
 * means come back to it: a config states all that was before within what came after.
 * @param training as a config states it: with `begun with` what it went on from, with `mean of` what was averaged
 */
export function trainingSteps(training: Stated): TrainingStep[] {
  const steps: TrainingStep[] = []
  const known = new Map<string, number>()
  const numberOf = (stated: Stated): number => {
    const { name: _, 'begun with': before, 'mean of': several, ...settings } = stated
    const parts = Array.isArray(several) ? several : before === undefined ? [] : [before]
    // What it is called is no part of it: the one that ships was called otherwise while it was made.
    const step = { from: parts.map(numberOf), settings }
    const key = JSON.stringify(step)
    const number = known.get(key)
    if (number !== undefined) return number
    steps.push(step)
    known.set(key, steps.length)
    return steps.length
  }
  numberOf(training)
  return steps
}
