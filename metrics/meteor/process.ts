import { once } from 'node:events'
import { fromPlain, type PlainError, toPlain } from '../../errors.js'
import { forkModule, isForked } from '../../fork.js'
import type { BeginMeteor } from '../evaluation.js'
import type { CaptionSet } from '../score.js'
import { meteorScores, meteorStatistics } from './meteor.js'
import { loadParaphrases } from './paraphrase-file.js'
import { loadMeteorResources, type MeteorOptions } from './resources.js'
import type { MeteorResources } from './sentence.js'

interface Task {
  readonly sets: readonly CaptionSet[]
  readonly options: MeteorOptions
}

type Answer = { readonly rows: readonly (readonly (readonly number[])[])[] } | { readonly error: PlainError }

/**
 * METEOR of sets of captions, in a process of its own: it takes half of an evaluation's time, which goes by beside the
 * other half. The process starts at once, and does not keep this one from ending before it has something to do.
 * @returns what takes the sets, once, gives back when the process has all it needs, since nothing is sent while this
 * one calculates, and then waits for the scores. Throws ShowtellError as `loadMeteorResources` and `Meteor.score`,
 * INTERNAL when the process dies.
 */
export function startMeteor(options: MeteorOptions = {}): BeginMeteor {
  const child = forkModule(new URL('./process.js', import.meta.url))
  child.unref()
  child.channel?.unref()
  const answered = new Promise<Answer>((resolve) => {
    const died = (cause: unknown): void => {
      const message = `Expected METEOR's process to answer but it ended: ${cause}`
      resolve({ error: { code: 'INTERNAL', message, where: undefined } })
    }
    child.once('message', resolve)
    child.once('error', died)
    child.once('exit', (code, signal) => died(signal ?? `exit code ${code}`))
  })
  return async (sets) => {
    child.ref()
    child.channel?.ref()
    // One that has died has not been sent everything, and says so when it is asked for the scores.
    await new Promise<void>((resolve) => child.send({ sets, options } satisfies Task, () => resolve()))
    return async () => {
      const answer = await answered
      if ('error' in answer) throw fromPlain(answer.error)
      return answer.rows.map(meteorScores)
    }
  }
}

if (isForked(import.meta.url)) {
  process.once('disconnect', () => process.exit())
  const words = loadMeteorResources()
  // What is wrong with it is said when it is waited for.
  words.catch(() => {})
  const [task] = (await once(process, 'message')) as [Task]
  process.send!(await statisticsOf(task, words).catch((error): Answer => ({ error: toPlain(error) })), () =>
    process.disconnect(),
  )
}

async function statisticsOf({ sets, options }: Task, words: Promise<MeteorResources>): Promise<Answer> {
  const captions = new Set(
    sets.flatMap(({ candidates, references }) => [...candidates, ...references.flat()]),
  )
  const { paraphrases } = options
  const resources: MeteorResources = {
    ...(await words),
    ...(paraphrases === undefined ? {} : { paraphrases: await loadParaphrases(paraphrases, captions) }),
  }
  return {
    rows: sets.map(({ candidates, references }) => meteorStatistics(resources, candidates, references)),
  }
}
