import type { CaptionRequest } from '../decoder/options.js'
import type { CaptionedPhoto, Captioner, ImageInput, ModelDescription } from '../decoder/types.js'
import { type ErrorCode, ShowtellError } from '../errors.js'
import type { Outcomes } from './restarts.js'

/** What a client would take for a fault of its request: where there is no bundle, or the engine of the settings is none for it. */
const MISLEADING: ReadonlySet<ErrorCode> = new Set(['NOT_FOUND', 'INVALID_ARGUMENT'])

/** The smallest GIF there is: one white pixel. */
const PIXEL = Buffer.from('R0lGODdhAQABAIAAAP///////ywAAAAAAQABAAACAkQBADs=', 'base64')

/**
 * Captions a first batch, which takes the longest, and as many pictures as there will ever be in one: an engine that has
 * no room for them fails here, and one that has keeps it.
 * @throws why it cannot
 */
export async function warmUp(captioner: Pick<Captioner, 'caption'>, batchSize: number): Promise<void> {
  const [first] = await captioner.caption(Array<Buffer>(batchSize).fill(PIXEL))
  if (first instanceof Error) throw first
}

/** A captioner that can be replaced while it works: what has begun ends with the old one, what comes after is the new one's. */
export class ReplaceableCaptioner implements Captioner {
  /** How the tries to replace it ended. */
  readonly reloads: Outcomes = { replaced: 0, failed: 0 }
  #current: Captioner
  /** Captioners in use, with the batches they have under way. */
  readonly #busy = new Map<Captioner, number>()
  #last: Promise<unknown> = Promise.resolve()
  /** A replacement that waits for the one before. */
  #next: Promise<ModelDescription> | undefined
  #isClosed = false

  /**
   * @param load makes the next one, from where the first came from.
   * @param batchSize most photos that it will caption together.
   */
  constructor(
    first: Captioner,
    private readonly load: () => Promise<Captioner>,
    private readonly batchSize: number,
  ) {
    this.#current = first
  }

  get model(): ModelDescription {
    return this.#current.model
  }

  get isOpen(): boolean {
    return this.#current.isOpen
  }

  async caption(
    images: readonly ImageInput[],
    options?: CaptionRequest,
    signal?: AbortSignal,
  ): Promise<(CaptionedPhoto | ShowtellError)[]> {
    const captioner = this.#current
    this.#busy.set(captioner, (this.#busy.get(captioner) ?? 0) + 1)
    try {
      return await captioner.caption(images, options, signal)
    } finally {
      const left = this.#busy.get(captioner)! - 1
      if (left > 0) this.#busy.set(captioner, left)
      else {
        this.#busy.delete(captioner)
        if (captioner !== this.#current) void captioner.close()
      }
    }
  }

  /**
   * Loads the bundle again and puts it in the place of the one before, one after the other; who asks while another
   * waits for its turn gets that one.
   * @throws ShowtellError INVALID_BUNDLE, or why it does not work; the one before stays then. ABORTED after `close`.
   */
  reload(): Promise<ModelDescription> {
    if (this.#next !== undefined) return this.#next
    const next = this.#last.then(() => {
      this.#next = undefined
      return this.#replace()
    })
    this.#next = next
    this.#last = next.then(
      () => this.reloads.replaced++,
      () => this.reloads.failed++,
    )
    return next
  }

  async #replace(): Promise<ModelDescription> {
    if (this.#isClosed) throw new ShowtellError('ABORTED', 'Expected an open captioner but it was closed')
    const next = await this.load().catch((error) => {
      if (!(error instanceof ShowtellError) || !MISLEADING.has(error.code)) throw error
      throw new ShowtellError('INVALID_BUNDLE', error.message, { cause: error })
    })
    try {
      await warmUp(next, this.batchSize)
    } catch (error) {
      await next.close()
      throw error
    }
    const old = this.#current
    this.#current = next
    if (!this.#busy.has(old)) await old.close()
    return next.model
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#last
    await Promise.all([this.#current, ...this.#busy.keys()].map((captioner) => captioner.close()))
  }
}
