import type { Event, Training } from '../language/training.js'
import { TrainingLog } from './train-log.js'

/**
 * Runs the training of a model of language from where it is to its end, with its log.
 * @param unit what the loss is of.
 * @param each hears each step after it is logged.
 * @returns false where `signal` stopped it.
 */
export async function runTraining(
  training: Training,
  { out, steps, unit }: { out: string; steps: number; unit: string },
  signal: AbortSignal,
  each: (event: Event) => void | Promise<void> = () => {},
): Promise<boolean> {
  const log = new TrainingLog(out, unit)
  await log.rewind(training.step)
  await training.run(async (event) => {
    await log.add(event)
    await each(event)
  }, signal)
  log.stop()
  if (signal.aborted)
    process.stderr.write(`stopped at step ${training.step} of ${steps}; the same command goes on\n`)
  return !signal.aborted
}
