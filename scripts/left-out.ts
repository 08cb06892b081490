import { newerThan } from '../data/photo-files.js'
import { messageOf } from '../errors.js'
import { say } from './progress.js'

/** Says on the error stream what cannot be used; the work goes on without it. */
export function leftOut({ message }: Error): void {
  say(`left out: ${message}`)
}

/** Says what went wrong with one photo of many; the work goes on, and the exit code says so. */
export function complain(message: string): void {
  say(message)
  process.exitCode = 1
}

/** Complains of a photo, or a place, that was passed over. */
export function tellSkipped(path: string, problem: unknown): void {
  complain(`skipped ${path}: ${messageOf(problem)}`)
}

/**
 * Says how many photos have a newer file than what was made of them: names are all that is kept, and another photo may
 * have come under one. One that brought an older time along (`cp -p`) is not noticed.
 * @param moment when `place` was last written to, in milliseconds
 * @param photos those that it has
 * @param all how many there are
 * @param remedy what takes them anew
 */
export function tellNewer(
  moment: number,
  photos: readonly string[],
  all: number,
  place: string,
  remedy: string,
): void {
  const newer = newerThan(moment, photos)
  if (newer > 0) say(`${newer} of ${all} photos are newer than ${place}; ${remedy}`)
}
