import type { CaptionOptions } from '../decoder/options.js'
import type { CaptionedPhoto, Captioner } from '../decoder/types.js'
import { type ErrorCode, expected, ShowtellError } from '../errors.js'
import type { ServiceOptions } from './config.js'
import { effortOf, USUAL_EFFORT } from './effort.js'
import { internal } from './failure.js'

/** Batches under way at once: the next one's photos are decoded while the model works at the first. */
const IN_FLIGHT = 2

/**
 * What a batch fails for that is news for who asked: options that contradict each other, and the end of the service.
 * Anything else, such as a bundle that cannot be opened again, is wrong here.
 */
const OF_REQUESTS: ReadonlySet<ErrorCode> = new Set(['INVALID_ARGUMENT', 'ABORTED'])

interface Job {
  readonly image: Uint8Array
  readonly options: CaptionOptions
  /** Whether decoding it takes long. */
  readonly isLarge: boolean
  /** Equal for those that may share a batch. */
  readonly key: string
  readonly since: number
  /** Raised when nobody waits for it any more. */
  readonly signal: AbortSignal
  readonly resolve: (photo: CaptionedPhoto | ShowtellError) => void
  readonly reject: (error: unknown) => void
}

/** Jobs that are captioned together, and the end of that. */
interface Batch {
  readonly jobs: readonly Job[]
  readonly controller: AbortController
}

/** What a batcher tells of its work. */
export interface BatchObserver {
  /** A batch begins; `waits` are the seconds that each of its photos waited. */
  onBatch(waits: readonly number[]): void
}

/** Gathers the photos of requests that arrive together, so that the model captions them together. */
export class Batcher {
  readonly #captioner: Pick<Captioner, 'caption'>
  readonly #limits: Pick<ServiceOptions, 'queueSize' | 'batchSize' | 'batchDelay'>
  readonly #observer: BatchObserver
  /** By their turn: the oldest first, but those whose like began a batch after the others. */
  #waiting: Job[] = []
  /** The key of the batch that began last. */
  #last: string | undefined
  readonly #running = new Set<Batch>()
  #timer: NodeJS.Timeout | undefined

  constructor(
    captioner: Pick<Captioner, 'caption'>,
    limits: Pick<ServiceOptions, 'queueSize' | 'batchSize' | 'batchDelay'>,
    observer: BatchObserver = { onBatch: () => {} },
  ) {
    this.#captioner = captioner
    this.#limits = limits
    this.#observer = observer
  }

  /** Photos that wait. */
  get depth(): number {
    return this.#waiting.length
  }

  /** @throws ShowtellError OVERLOADED when `photos` more do not fit. */
  admit(photos: number): void {
    const free = this.#limits.queueSize - this.#waiting.length
    if (photos > free) throw expected(`at most ${free} photos now`, 'the queue', photos, 'OVERLOADED')
  }

  /**
   * Captions photos, in batches with those of others. Settles, one way or the other, once it holds none of them.
   * @param signal gives up the places of the photos that still wait; those of a batch under way stay with it, and it ends
   * early once everyone has given up.
   * @param large whether decoding takes long, of each photo.
   * @returns one entry a photo, in order: its captions or its error.
   * @throws ShowtellError OVERLOADED, INVALID_ARGUMENT, ABORTED, INTERNAL with what else the captioner throws as its
   * cause, or the signal's reason where places were given up.
   */
  async caption(
    images: readonly Uint8Array[],
    options: CaptionOptions,
    signal: AbortSignal,
    large: readonly boolean[] = [],
  ): Promise<(CaptionedPhoto | ShowtellError)[]> {
    signal.throwIfAborted()
    this.admit(images.length)
    const since = performance.now()
    const mine = new Set<Job>()
    const photos = images.map(
      (image, i) =>
        new Promise<CaptionedPhoto | ShowtellError>((resolve, reject) => {
          const isLarge = large[i] ?? false
          const key = JSON.stringify([isLarge, options])
          const job: Job = { image, options, isLarge, key, since, signal, resolve, reject }
          mine.add(job)
          this.#waiting.push(job)
        }),
    )
    const giveUp = (): void => {
      const left = this.#waiting.filter((job) => mine.has(job))
      this.#waiting = this.#waiting.filter((job) => !mine.has(job))
      for (const job of left) job.reject(signal.reason)
      for (const { jobs, controller } of this.#running)
        if (jobs.every((job) => job.signal.aborted)) controller.abort(signal.reason)
    }
    signal.addEventListener('abort', giveUp, { once: true })
    this.#schedule()
    try {
      // The first that fails leaves others in batches.
      await Promise.allSettled(photos)
      return await Promise.all(photos)
    } finally {
      signal.removeEventListener('abort', giveUp)
    }
  }

  #schedule(): void {
    const next = this.#running.size < IN_FLIGHT ? this.#next() : undefined
    if (next === undefined) return
    const waited = performance.now() - next.since
    if (this.#waiting.length >= this.#limits.batchSize || waited >= this.#limits.batchDelay) {
      clearTimeout(this.#timer)
      this.#timer = undefined
      void this.#run(next)
      this.#schedule()
    } else
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined
        this.#schedule()
      }, this.#limits.batchDelay - waited)
  }

  /** The first that may begin a batch, if possible of other options than the last: nobody waits for all of a large request. */
  #next(): Job | undefined {
    const hasLong = [...this.#running].some(({ jobs }) => isLong(jobs[0]!))
    const free = this.#waiting.filter((job) => !(hasLong && isLong(job)))
    return free.find(({ key }) => key !== this.#last) ?? free[0]
  }

  /** Of photos that take long a batch has fewer, or the others would wait for longer; of large ones a single one. */
  async #run({ key, options, isLarge }: Job): Promise<void> {
    const { batchSize } = this.#limits
    const fitting = isLarge ? 1 : Math.floor((batchSize * USUAL_EFFORT) / effortOf(options))
    const size = Math.max(1, Math.min(batchSize, fitting))
    const alike = this.#waiting.filter((job) => job.key === key)
    const jobs = alike.slice(0, size)
    this.#last = key
    // What is left of them has had its turn.
    this.#waiting = [...this.#waiting.filter((job) => job.key !== key), ...alike.slice(size)]
    const batch: Batch = { jobs, controller: new AbortController() }
    this.#running.add(batch)
    try {
      const began = performance.now()
      this.#observer.onBatch(jobs.map(({ since }) => (began - since) / 1000))
      const photos = await this.#captioner.caption(
        jobs.map(({ image }) => image),
        options,
        batch.controller.signal,
      )
      for (const [i, job] of jobs.entries()) job.resolve(photos[i]!)
    } catch (error) {
      const isOfRequests = error instanceof ShowtellError && OF_REQUESTS.has(error.code)
      const failure = isOfRequests ? error : internal(error)
      for (const job of jobs) job.reject(job.signal.aborted ? job.signal.reason : failure)
    } finally {
      this.#running.delete(batch)
      this.#schedule()
    }
  }
}

/** One batch of such is under way at a time: others wait for that one, however many there are. */
function isLong({ isLarge, options }: Job): boolean {
  return isLarge || effortOf(options) > USUAL_EFFORT
}
