import type { Request, Response } from 'express'
import type { CaptionOptions } from '../decoder/options.js'
import { ShowtellError } from '../errors.js'
import type { PhotoResult } from './answer.js'
import type { Batcher } from './batcher.js'
import type { UploadedPhoto } from './body.js'
import { asFailure } from './failure.js'
import type { Metrics } from './metrics.js'

/** One photo of an answer, and the error behind it, which may hold more than a stranger is told. */
export interface Result {
  readonly answer: PhotoResult
  readonly failure?: ShowtellError
}

/** Where every route hands in the photos of its requests. */
export class Desk {
  constructor(
    private readonly batcher: Batcher,
    private readonly metrics: Metrics,
    private readonly limits: { readonly deadline: number },
  ) {}

  /** Before a body is read: what cannot be captioned is not received either. @throws ShowtellError OVERLOADED */
  admit(): void {
    this.batcher.admit(1)
  }

  /**
   * Captions the photos of a request, until its client goes away or the deadline is over.
   * @returns one result a photo, in order.
   * @throws ShowtellError OVERLOADED, DEADLINE, ABORTED; of a single photo that failed, why.
   */
  async caption(
    req: Request,
    res: Response,
    photos: readonly UploadedPhoto[],
    options: CaptionOptions,
  ): Promise<readonly Result[]> {
    const { signal, end } = patience(res, this.limits.deadline)
    try {
      const results = await captionPhotos(this.batcher, photos, options, signal)
      this.metrics.onResults(results.map(({ answer }) => answer))
      for (const { failure } of results) if (failure?.code === 'INTERNAL') req.log.error({ err: failure })
      const [first] = results
      if (results.length === 1 && first?.failure !== undefined) throw first.failure
      return results
    } finally {
      end()
    }
  }
}

/** A signal that ends the wait for captions when the client goes away or the deadline is over. */
function patience(res: Response, deadline: number): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController()
  const timer = setTimeout(
    () =>
      controller.abort(
        new ShowtellError('DEADLINE', `Expected captions within ${deadline} ms but they took longer`),
      ),
    deadline,
  )
  const onClose = (): void =>
    controller.abort(new ShowtellError('ABORTED', 'Expected a client to answer but it went away'))
  res.once('close', onClose)
  return {
    signal: controller.signal,
    end() {
      clearTimeout(timer)
      res.off('close', onClose)
    },
  }
}

async function captionPhotos(
  batcher: Batcher,
  photos: readonly UploadedPhoto[],
  options: CaptionOptions,
  signal: AbortSignal,
): Promise<Result[]> {
  const whole = photos.map(({ content }) => content).filter((content) => content instanceof Uint8Array)
  const captioned = (await batcher.caption(whole, options, signal)).values()
  return photos.map(({ file, content }, i): Result => {
    const named = file === undefined ? {} : { file }
    const outcome = content instanceof Uint8Array ? captioned.next().value! : content
    if (!(outcome instanceof Error)) return { answer: { ...named, ...outcome } }
    const failure = renamed(
      asFailure(outcome),
      file ?? (photos.length === 1 ? 'the image' : `image ${i + 1}`),
    )
    return { answer: { ...named, error: { code: failure.code, message: failure.message } }, failure }
  })
}

/** The captioner names a photo by its place in the batch, which holds the photos of others too. */
function renamed(failure: ShowtellError, name: string): ShowtellError {
  if (failure.where === undefined) return failure
  const message = failure.message.replaceAll(failure.where, () => name)
  return new ShowtellError(failure.code, message, { where: name, cause: failure })
}
