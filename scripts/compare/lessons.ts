import type { Example } from '../../data/batches.js'
import { Random } from '../../random.js'

/**
 * What every variant learns from in its one epoch: so many photos, drawn without replacement until all were drawn, then
 * anew. What differs in a training from epoch to epoch differs here from pass to pass.
 */
export function lessonsOf(photos: readonly Example[], count: number, seed: number): Example[] {
  const lessons: Example[] = []
  for (let pass = 0; lessons.length < count && photos.length > 0; pass++)
    lessons.push(...new Random(seed, 'lessons', pass).shuffle(photos.map((photo) => ({ ...photo, pass }))))
  return lessons.slice(0, count)
}
