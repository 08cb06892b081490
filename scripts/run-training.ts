import { whileLocked } from '../data/lock.js'
import type { StepEvent } from '../engine/training-state.js'
import type { Training } from '../language/training.js'
import { tellStopped } from './interrupt.js'
import { TrainingLog, tellWarmUp } from './train-log.js'

/**
 * Runs the training of a model of language from where it is to its end, with its log.
 * @param unit what the loss is of.
 * @param each hears each step after it is logged.
 * @returns false where `signal` stopped it.
 */
export async function runTraining(
  training: Training,
  { out, unit }: { out: string; unit: string },
  signal: AbortSignal,
  each: (event: StepEvent) => void | Promise<void> = () => {},
): Promise<boolean> {
  const { steps, warmUpSteps } = training.recipe
  tellWarmUp(warmUpSteps, steps)
  await whileLocked(out, () =>
    new TrainingLog(out, unit).follow(training.step, (add) =>
      training.run(async (event) => {
        await add(event)
        await each(event)
      }, signal),
    ),
  )
  if (signal.aborted) tellStopped(`at step ${training.step} of ${steps}`)
  return !signal.aborted
}
