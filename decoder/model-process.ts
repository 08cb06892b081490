import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import pLimit from 'p-limit'
import { fromPlain, ShowtellError } from '../errors.js'
import { forkModule } from '../fork.js'
import type { CaptionedBatch } from './captioning.js'
import type { CaptionOptions } from './options.js'
import type { ModelDescription, ModelEvent } from './types.js'
import type { WorkerAnswer, WorkerCancel, WorkerRequest, WorkerSettings } from './worker.js'

/** What the process says of the bundle that it has opened. */
export interface OpenModel {
  readonly model: ModelDescription
  /** Rows and columns of the pixels that it takes. */
  readonly imageSize: number
}

/** From a process that could not be replaced to the next try, ms. */
const RETRY = 10_000

/**
 * Longest time for a bundle to open, and from one sign of life to the next while there is work: a process that takes longer
 * hangs. Many times what the slowest engine takes for a few photos, or for a word of a batch, ms.
 */
const PATIENCE = 600_000
/** Looks in that time: time in which this process was stopped itself is one look, however long it was. */
const LOOKS = 20

/**
 * Batches that the process has: the one it is at, and the next. Those behind wait here, where they cost no message and no
 * listener to a signal, of which Node.js takes more than ten for a leak.
 */
const SENT_AT_ONCE = 2

interface Waiting {
  resolve(batch: CaptionedBatch): void
  reject(error: Error): void
}

/**
 * A bundle in a process of its own: onnxruntime ends the process that it is in when it aborts, or when the thread that
 * it runs on is ended. One that dies takes with it the batches it was at, and another is started in its place: at once,
 * and if that fails every ten seconds and with every batch that is asked for.
 */
export class ModelProcess {
  readonly #turns = pLimit(SENT_AT_ONCE)
  #current: Promise<RunningModel> | undefined
  #model: OpenModel | undefined
  #isClosed = false
  #isOpen = false

  constructor(
    private readonly settings: WorkerSettings,
    private readonly onEvent: (event: ModelEvent) => void = () => {},
    /** Longest time from one sign of life to the next, ms. */
    private readonly patience = PATIENCE,
  ) {}

  /** Whether a process has opened the bundle: not while one that died is being replaced. */
  get isOpen(): boolean {
    return this.#isOpen && !this.#isClosed
  }

  /** The bundle, once it is open. @throws ShowtellError NOT_FOUND, INVALID_BUNDLE, ENGINE_UNAVAILABLE. */
  async open(): Promise<OpenModel> {
    return (await this.#running()).model
  }

  /**
   * @param pixels uint8 [images, size, size, 3]
   * @param signal ends the search; the process is free for others once this has rejected.
   * @throws ShowtellError as the search, INTERNAL when the process dies, ABORTED after `close`; the signal's reason.
   */
  async caption(
    pixels: Uint8Array,
    images: number,
    options: CaptionOptions,
    signal?: AbortSignal,
  ): Promise<CaptionedBatch> {
    // What waited while a process died is asked of the next.
    return this.#turns(async () => (await this.#running()).caption(pixels, images, options, signal))
  }

  /** @throws ShowtellError ABORTED after `close`. */
  expectOpen(): void {
    if (this.#isClosed) throw closed()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#current?.then((running) => running.end(closed())).catch(() => {})
  }

  async #running(): Promise<RunningModel> {
    this.expectOpen()
    this.#current ??= this.#start()
    return this.#current
  }

  /** Until one is there: whoever looks for that first sends nothing that would start one. */
  async #replace(): Promise<void> {
    while (!this.#isClosed && !this.#isOpen)
      await this.#running().catch(() => wait(RETRY, undefined, { ref: false }))
  }

  async #start(): Promise<RunningModel> {
    const isFirst = this.#model === undefined
    try {
      const onEnd = (error: Error): void => {
        this.#current = undefined
        this.#isOpen = false
        this.onEvent({ kind: 'died', error })
        void this.#replace()
      }
      const running = await RunningModel.start(this.settings, onEnd, this.patience)
      this.#model ??= running.model
      if (JSON.stringify(running.model) === JSON.stringify(this.#model)) {
        this.#isOpen = true
        if (!isFirst) this.onEvent({ kind: 'replaced' })
        return running
      }
      // Photos are decoded, and answers cached, for the one that was there.
      const error = new ShowtellError(
        'INVALID_BUNDLE',
        `Expected the same bundle as before but it has changed`,
        {
          where: this.settings.bundles.join(', '),
        },
      )
      await running.end(error)
      throw error
    } catch (error) {
      this.#current = undefined
      if (!isFirst) this.onEvent({ kind: 'not replaced', error: error as Error })
      throw error
    }
  }
}

function closed(): ShowtellError {
  return new ShowtellError('ABORTED', 'Expected an open captioner but it was closed')
}

/** A process that has opened the bundle. */
class RunningModel {
  readonly #waiting = new Map<number, Waiting>()
  #next = 0
  #ended: Error | undefined
  #watch: NodeJS.Timeout | undefined

  private constructor(
    private readonly child: ChildProcess,
    readonly model: OpenModel,
    private readonly onEnd: (error: Error) => void,
    private readonly patience: number,
  ) {
    child.on('message', (answer: WorkerAnswer) => this.#take(answer))
    child.on('error', (error) => this.#die(error))
    child.on('exit', (code, signal) => this.#die(endOf(code, signal)))
    this.#keepAlive(false)
  }

  /** @param onEnd called when the process dies by itself. */
  static async start(
    settings: WorkerSettings,
    onEnd: (error: Error) => void,
    patience: number,
  ): Promise<RunningModel> {
    const child = forkModule(new URL('./worker.js', import.meta.url), [JSON.stringify(settings)])
    const watch = watchdog(PATIENCE, () => child.kill('SIGKILL'))
    try {
      const model = await new Promise<OpenModel>((resolve, reject) => {
        child.once('message', (answer: WorkerAnswer) => {
          if (answer.kind === 'ready') resolve({ model: answer.model, imageSize: answer.imageSize })
          else if (answer.kind === 'error') reject(fromPlain(answer.error))
        })
        child.once('error', (error) => reject(death(error)))
        child.once('exit', (code, signal) => reject(death(endOf(code, signal))))
      })
      return new RunningModel(child, model, onEnd, patience)
    } catch (error) {
      await kill(child)
      throw error
    } finally {
      clearInterval(watch)
    }
  }

  async caption(
    pixels: Uint8Array,
    images: number,
    options: CaptionOptions,
    signal?: AbortSignal,
  ): Promise<CaptionedBatch> {
    if (this.#ended !== undefined) throw this.#ended
    signal?.throwIfAborted()
    const id = this.#next++
    const cancel = (): void => this.#send({ kind: 'cancel', id })
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      return await new Promise<CaptionedBatch>((resolve, reject) => {
        if (this.#waiting.size === 0) this.#wait()
        this.#waiting.set(id, { resolve, reject })
        this.#keepAlive(true)
        this.#send({ kind: 'caption', id, pixels, images, options })
      })
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    } finally {
      signal?.removeEventListener('abort', cancel)
      if (this.#waiting.size === 0) {
        this.#keepAlive(false)
        clearInterval(this.#watch)
      }
    }
  }

  #send(message: WorkerRequest | WorkerCancel): void {
    this.child.send(message, (error) => {
      if (error !== null) this.#die(error)
    })
  }

  /** Ends it on purpose; what waits is rejected with the error. */
  async end(error: Error): Promise<void> {
    this.#reject(error)
    await kill(this.child)
  }

  /** An idle captioner does not keep a program alive; one with work to do does, and one that ends until it has. */
  #keepAlive(isBusy: boolean): void {
    if (this.#ended !== undefined) return
    if (isBusy) this.child.ref()
    else this.child.unref()
    if (isBusy) this.child.channel?.ref()
    else this.child.channel?.unref()
  }

  #take(answer: WorkerAnswer): void {
    if (answer.kind === 'alive' && this.#waiting.size > 0) this.#wait()
    if (!('id' in answer)) return
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (this.#waiting.size > 0) this.#wait()
    if (answer.kind === 'captions') waiting?.resolve(answer.batch)
    else waiting?.reject(fromPlain(answer.error))
  }

  /** For a sign of life, from now on. */
  #wait(): void {
    clearInterval(this.#watch)
    this.#watch = watchdog(this.patience, () => this.#die(`no sign of life within ${this.patience} ms`))
  }

  #die(cause: unknown): void {
    if (this.#ended !== undefined) return
    const error = death(cause)
    this.#reject(error)
    this.onEnd(error)
    void kill(this.child)
  }

  #reject(error: Error): void {
    this.#ended ??= error
    for (const { reject } of this.#waiting.values()) reject(this.#ended)
    this.#waiting.clear()
  }
}

function endOf(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `exit code ${code}` : signal
}

function death(cause: unknown): ShowtellError {
  return new ShowtellError('INTERNAL', `Expected the model's process to run but it ended: ${String(cause)}`, {
    cause,
  })
}

/** Calls back once when this process has run for so many ms. */
function watchdog(patience: number, bark: () => void): NodeJS.Timeout {
  let looks = 0
  const watch = setInterval(() => {
    if (++looks === LOOKS) bark()
  }, patience / LOOKS)
  return watch.unref()
}

/** At once: it holds nothing that would have to be saved. */
async function kill(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  child.ref()
  child.kill('SIGKILL')
  await once(child, 'exit')
}
