import type { Response } from 'express'
import {
  type CaptionOptions,
  captionFieldsSchema,
  captionOptionsSchema,
  checkModel,
} from '../decoder/options.js'
import type { Caption, CaptionedPhoto, Captioner } from '../decoder/types.js'
import { validate } from '../decoder/validate.js'
import { expected, ShowtellError } from '../errors.js'
import type { PhotoResult } from './answer.js'
import type { Batcher } from './batcher.js'
import { holdUntil, type UploadedPhoto } from './body.js'
import { type CaptionCache, type Fingerprints, fingerprintsOf } from './cache.js'
import type { ServiceOptions } from './config.js'
import { effortOf, SAMPLED } from './effort.js'
import { asFailure } from './failure.js'
import { isLarge } from './large.js'
import type { Metrics } from './metrics.js'
import { patienceOf, within } from './patience.js'

/** One photo of an answer, and the error behind it, which may hold more than a stranger is told. */
export interface Result {
  readonly answer: PhotoResult
  readonly failure?: ShowtellError
}

const { beamSize, seed, topP } = captionOptionsSchema.parse({})
/** Options that mean nothing where captions are sampled, and those that mean nothing where they are not. */
const OF_SEARCH = { beamSize }
const OF_SAMPLING = { seed, topP }

/** The time of what was known already. */
const NONE: CaptionedPhoto['timing'] = { decode: 0, encode: 0, search: 0 }

/** Where every route hands in the photos of its requests. */
export class Desk {
  constructor(
    private readonly captioner: Pick<Captioner, 'model'>,
    private readonly batcher: Batcher,
    private readonly cache: CaptionCache,
    private readonly metrics: Metrics,
    private readonly limits: Pick<ServiceOptions, 'deadline' | 'maxSearch'>,
  ) {}

  /**
   * Caption options as they came, validated, those of the model that is served now and the limit of the search included.
   * What changes no caption has its default: it must keep no photos from a common batch, and no answer from being known.
   * @throws ShowtellError INVALID_ARGUMENT
   */
  accept(options: unknown, what?: string): CaptionOptions {
    const accepted = validate(captionOptionsSchema, options, what)
    checkModel(this.captioner.model, accepted)
    const { maxSearch } = this.limits
    const effort = effortOf(accepted)
    const isSampled = accepted.temperature > 0
    if (effort > maxSearch) {
      const width = isSampled ? SAMPLED : 'beamSize'
      throw expected(`at most ${maxSearch} (maxSearch)`, `count × ${width} × maxLength`, effort)
    }
    return { ...accepted, ...(isSampled ? OF_SEARCH : OF_SAMPLING) }
  }

  /**
   * Checks some caption options each by itself; how they go together is seen when the others are there.
   * @throws ShowtellError INVALID_ARGUMENT
   */
  checkEach(options: unknown, what: string): void {
    checkModel(this.captioner.model, validate(captionFieldsSchema, options, what))
  }

  /** Reads a body, unless there is no place for what would be in it. @throws ShowtellError OVERLOADED */
  async receive<Body>(read: () => Promise<Body>): Promise<Body> {
    this.batcher.admit(1)
    const began = performance.now()
    const body = await read()
    this.metrics.onUpload(performance.now() - began)
    return body
  }

  /** Of the model that is served now. The deadline counts from here at the latest: hashing takes a while, too. */
  fingerprints(
    res: Response,
    photos: readonly UploadedPhoto[],
    options: CaptionOptions,
  ): Promise<Fingerprints> {
    patienceOf(res, this.limits.deadline)
    return fingerprintsOf(photos, options, this.captioner.model)
  }

  /**
   * Captions the photos of a request, until its client goes away or the deadline is over.
   * @returns one result a photo, in order.
   * @throws ShowtellError OVERLOADED, DEADLINE, ABORTED; of a single photo that failed, why.
   */
  async caption(
    res: Response,
    photos: readonly UploadedPhoto[],
    options: CaptionOptions,
    fingerprints?: Fingerprints,
  ): Promise<readonly Result[]> {
    const signal = patienceOf(res, this.limits.deadline)
    const prints = fingerprints ?? (await this.fingerprints(res, photos, options))
    const outcomes = await this.outcomes(res, photos, prints, options, signal).catch((error) => {
      this.metrics.onFailure(asFailure(error).code, photos.length)
      throw error
    })
    const results = outcomes.map((outcome, i) => resultOf(outcome, nameOf(photos, i), photos[i]!.file))
    this.metrics.onResults(results.map(({ answer }) => answer))
    const [first] = results
    if (results.length === 1 && first?.failure !== undefined) throw first.failure
    return results
  }

  /** What is known of a photo, else what the captioner says of it. */
  private async outcomes(
    res: Response,
    photos: readonly UploadedPhoto[],
    fingerprints: Fingerprints,
    options: CaptionOptions,
    signal: AbortSignal,
  ): Promise<(CaptionedPhoto | ShowtellError)[]> {
    const unknown: { readonly place: number; readonly content: Uint8Array }[] = []
    const outcomes: (CaptionedPhoto | ShowtellError | undefined)[] = photos.map(({ content }, place) => {
      if (!(content instanceof Uint8Array)) return content
      const captions = this.cache.get(fingerprints.photos[place]!)
      this.metrics.onLookUp(captions !== undefined)
      if (captions !== undefined) return { captions, timing: NONE }
      unknown.push({ place, content })
      return undefined
    })
    const contents = unknown.map(({ content }) => content)
    const captioned = contents.length === 0 ? [] : await this.batched(res, contents, options, signal)
    for (const [i, outcome] of captioned.entries()) {
      const { place } = unknown[i]!
      outcomes[place] = outcome
      // While a model is replaced, either may have answered; replaced twice, one between them of another version.
      if (!(outcome instanceof Error) && this.captioner.model === fingerprints.model)
        this.cache.set(fingerprints.photos[place]!, outcome.captions)
    }
    return outcomes.map((outcome) => outcome!)
  }

  /** What the batcher says, for as long as anybody waits for it; it may hold the photos for longer. */
  private batched(
    res: Response,
    contents: readonly Uint8Array[],
    options: CaptionOptions,
    signal: AbortSignal,
  ): Promise<(CaptionedPhoto | ShowtellError)[]> {
    const looked = Promise.all(contents.map((content) => isLarge(content, signal)))
    const work = looked.then((large) => this.batcher.caption(contents, options, signal, large))
    holdUntil(res, work)
    return within(signal, work)
  }
}

/** The captions of a photo. @throws why there are none */
export function captionsOf({ answer, failure }: Result): readonly Caption[] {
  if ('captions' in answer) return answer.captions
  throw failure
}

function nameOf(photos: readonly UploadedPhoto[], i: number): string {
  return photos[i]!.file ?? (photos.length === 1 ? 'the image' : `image ${i + 1}`)
}

function resultOf(outcome: CaptionedPhoto | Error, name: string, file: string | undefined): Result {
  const named = file === undefined ? {} : { file }
  if (!(outcome instanceof Error)) return { answer: { ...named, ...outcome } }
  // Of an error that nobody expected the log is told, and no stranger.
  if (!(outcome instanceof ShowtellError)) throw outcome
  const failure = renamed(outcome, name)
  return { answer: { ...named, error: { code: failure.code, message: failure.message } }, failure }
}

/** The captioner names a photo by its place in the batch, which holds the photos of others too. */
function renamed(failure: ShowtellError, name: string): ShowtellError {
  if (failure.where === undefined) return failure
  const message = failure.message.replaceAll(failure.where, () => name)
  return new ShowtellError(failure.code, message, { where: name, cause: failure })
}
