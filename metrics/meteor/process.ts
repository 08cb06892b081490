import { once } from 'node:events'
import { fromPlain, type PlainError, toPlain } from '../../errors.js'
import { forkModule, isForked } from '../../fork.js'
import type { CaptionSet } from '../score.js'
import type { Scores } from '../scores.js'
import { meteorScores, meteorStatistics } from './meteor.js'
import { loadMeteorResources, type MeteorOptions } from './resources.js'

interface Task {
  readonly sets: readonly CaptionSet[]
  readonly options: Pick<MeteorOptions, 'paraphrases'>
}

type Answer = { readonly rows: readonly (readonly (readonly number[])[])[] } | { readonly error: PlainError }

/**
 * METEOR of sets of captions, in a process of its own: it takes half of an evaluation's time, which goes by beside the
 * other half. Given back once the process has all it needs, since nothing is sent while this one calculates.
 * @returns what waits for the scores. @throws ShowtellError as `loadMeteorResources` and `Meteor.score`, INTERNAL when
 * the process dies.
 */
export async function beginMeteor(
  sets: Task['sets'],
  options: Task['options'] = {},
): Promise<() => Promise<Scores[]>> {
  const child = forkModule(new URL('./process.js', import.meta.url))
  const answered = new Promise<Answer>((resolve) => {
    const died = (cause: unknown): void => {
      const message = `Expected METEOR's process to answer but it ended: ${cause}`
      resolve({ error: { code: 'INTERNAL', message, where: undefined } })
    }
    child.once('message', resolve)
    child.once('error', died)
    child.once('exit', (code, signal) => died(signal ?? `exit code ${code}`))
  })
  // One that has died has not been sent everything, and says so when it is asked for the scores.
  await new Promise<void>((resolve) => child.send({ sets, options } satisfies Task, () => resolve()))
  return async () => {
    const answer = await answered
    if ('error' in answer) throw fromPlain(answer.error)
    return answer.rows.map(meteorScores)
  }
}

if (isForked(import.meta.url)) {
  process.once('disconnect', () => process.exit())
  const [{ sets, options }] = (await once(process, 'message')) as [Task]
  process.send!(await statisticsOf(sets, options).catch((error): Answer => ({ error: toPlain(error) })), () =>
    process.disconnect(),
  )
}

async function statisticsOf(sets: Task['sets'], options: Task['options']): Promise<Answer> {
  const captions = new Set(
    sets.flatMap(({ candidates, references }) => [...candidates, ...references.flat()]),
  )
  const resources = await loadMeteorResources({ ...options, captions })
  return {
    rows: sets.map(({ candidates, references }) => meteorStatistics(resources, candidates, references)),
  }
}
