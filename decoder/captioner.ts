/// <reference lib="esnext.disposable" preserve="true" />
// AsyncDisposable, also for programs that have neither the types of Node.js nor this library among theirs.
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import pLimit from 'p-limit'
import { z } from 'zod'
import { inBatches } from '../data/batches.js'
import { DecodeMemory } from '../encoder/decode-memory.js'
import { joined } from '../encoder/few-at-once.js'
import { DEFAULT_IMAGE_LIMITS, decodeImage } from '../encoder/image.js'
import { ENGINES, type Engine } from '../engine/backends.js'
import { bundleFolder, shippedBundle } from '../engine/shipped.js'
import { expected, messageOf, ShowtellError } from '../errors.js'
import { ahead } from './ahead.js'
import { ModelProcess } from './model-process.js'
import { captionOptionsSchema, checkModel } from './options.js'
import type { CaptionedPhoto, Captioner, ImageInput, ModelEvent } from './types.js'
import { validate } from './validate.js'

/** Photos of a batch that are decoded at once: a core each, and Node.js has four threads for them by default. */
const DECODED_AT_ONCE = Math.min(4, availableParallelism())
/** Photos of a call whose pixels are held and sent together. */
export const LARGEST_BATCH = 64

/** Ranges of what a captioner may take; a service has them as settings of its own. */
export const captionerLimitsSchema = z.object({
  threads: z
    .int()
    .min(1)
    .max(64)
    .optional()
    .describe('Threads of the model; the cores, at most 4, when absent'),
  pixelLimit: z.int().min(1).optional().describe('Most pixels of a photo, width times height'),
  decodeMemory: z
    .int()
    .min(2 ** 24)
    .optional()
    .describe('Most bytes that decoding takes, over all photos at once; a photo that needs more is refused'),
})

/** Strict, so that a name nobody knows does not leave a limit where it was. */
const captionerOptionsSchema = z.strictObject({
  ...captionerLimitsSchema.shape,
  engine: z.enum(ENGINES).default('auto'),
  onEvent: z
    .unknown()
    .superRefine((given, context) => {
      if (typeof given === 'function') return
      context.addIssue({ code: 'custom', message: expected('a function', 'onEvent', given).message })
    })
    .optional(),
})

/** Two letters or more: `C://` is a drive. */
const URL_AS_TEXT = /^[a-z][a-z\d+.-]+:\/\//i

/** A photo and what messages call it. */
interface NamedImage {
  readonly image: ImageInput
  readonly name: string
}

export interface CaptionerOptions {
  /** `auto`: onnxruntime, or TensorFlow.js where it does not load; `model.engine` says which. */
  readonly engine?: Engine | undefined
  /** Threads of the model; the processor's cores by default, at most 4. */
  readonly threads?: number | undefined
  /** Most pixels of a photo, checked before decoding; 250 million by default. */
  readonly pixelLimit?: number | undefined
  /** Most bytes that decoding takes, over all photos at once: they wait for one another; 1 GiB by default. */
  readonly decodeMemory?: number | undefined
  /** Told when the model's process dies by itself, and how each try to replace it ends. */
  readonly onEvent?: ((event: ModelEvent) => void) | undefined
}

/**
 * Loads a bundle into a process of its own and waits until it is ready. A process that dies is replaced.
 * @param path folder of the bundle, or the name of one that ships; `showtell-base` when absent. Of several, which must
 * have the same vocabulary and size of photos, the probabilities are averaged at every word.
 * @returns the captioner, whose process ends by `close`, or with the block that declares it `await using`.
 * @throws ShowtellError NOT_FOUND or INVALID_BUNDLE naming what does not fit, ENGINE_UNAVAILABLE, INVALID_ARGUMENT.
 */
export async function loadCaptioner(
  path: string | readonly string[] = shippedBundle(),
  options: CaptionerOptions = {},
): Promise<Captioner & AsyncDisposable> {
  const { pixels, memory } = DEFAULT_IMAGE_LIMITS
  const {
    engine,
    threads = Math.min(4, availableParallelism()),
    pixelLimit = pixels,
    decodeMemory,
  } = validate(captionerOptionsSchema, options)
  const limits = {
    pixels: pixelLimit,
    memory: decodeMemory === undefined ? memory : new DecodeMemory(decodeMemory),
  }
  const bundles = await Promise.all([path].flat().map(fixed))
  const running = new ModelProcess({ bundles, engine, threads }, options.onEvent)
  const { model, imageSize: size } = await running.open()
  const open = pLimit(DECODED_AT_ONCE)
  const decode = async (images: readonly NamedImage[], signal: AbortSignal | undefined) => {
    const began = performance.now()
    const decoded = await Promise.all(
      images.map(({ image, name }) => {
        const decodeUnlessAborted = async () => {
          signal?.throwIfAborted()
          return decodeImage(await pathOrBytes(image, name), size, name, limits)
        }
        return open(decodeUnlessAborted).catch((error: ShowtellError) => error)
      }),
    )
    return { decoded, time: (performance.now() - began) / images.length }
  }
  return {
    model,
    get isOpen() {
      return running.isOpen
    },
    async caption(images, request = {}, signal) {
      // Bytes in place of a list would be taken for as many photos as there are bytes.
      if (!Array.isArray(images)) throw expected('a list of photos', 'images', images)
      const captionOptions = validate(captionOptionsSchema, request)
      checkModel(model, captionOptions)
      signal?.throwIfAborted()
      running.expectOpen()
      // A hole counts as a photo, which map would leave out.
      const named = Array.from(images, (image, i): NamedImage => {
        const isPlace = typeof image === 'string' || image instanceof URL
        return { image, name: isPlace ? String(image) : `image ${i + 1}` }
      })
      const results: (CaptionedPhoto | ShowtellError)[] = []
      const batches = inBatches(named, LARGEST_BATCH)
      for await (const { decoded, time } of ahead(batches, (batch) => decode(batch, signal))) {
        signal?.throwIfAborted()
        running.expectOpen()
        const good = decoded.filter((image) => image instanceof Uint8Array)
        if (good.length === 0) {
          results.push(...(decoded as ShowtellError[]))
          continue
        }
        const pixels = joined(Uint8Array, good)
        const batch = await running.caption(pixels, good.length, captionOptions, signal)
        const timing = {
          decode: time,
          encode: batch.encode / good.length,
          search: batch.search / good.length,
        }
        let position = 0
        for (const image of decoded)
          results.push(image instanceof Error ? image : { captions: batch.captions[position++]!, timing })
      }
      return results
    },
    close: () => running.close(),
    [Symbol.asyncDispose]: () => running.close(),
  }
}

/**
 * A photo as `decodeImage` takes it, which refuses what is none.
 * @throws ShowtellError INVALID_ARGUMENT for a URL of no file, INVALID_IMAGE for a Blob that cannot be read.
 */
async function pathOrBytes(image: ImageInput, where: string): Promise<string | Uint8Array> {
  if (image instanceof ArrayBuffer) return new Uint8Array(image)
  if (image instanceof URL || (typeof image === 'string' && URL_AS_TEXT.test(image)))
    try {
      return fileURLToPath(image)
    } catch {
      throw new ShowtellError('INVALID_ARGUMENT', `Expected the URL of a file but received ${where}`, {
        where,
      })
    }
  if (image instanceof Blob)
    try {
      return new Uint8Array(await image.arrayBuffer())
    } catch (cause) {
      // A Blob of a file is read here, and the file may be gone.
      throw new ShowtellError('INVALID_IMAGE', `Expected to read ${where} but ${messageOf(cause)}`, {
        where,
        cause,
      })
    }
  return image
}

/** Where a bundle lies, also for a process that is started when the program works in another folder. */
async function fixed(path: string): Promise<string> {
  if (typeof path !== 'string') throw expected('the folder or name of a bundle', 'path', path)
  const shipped = shippedBundle(path)
  return (await bundleFolder(path)) === shipped ? shipped : resolve(path)
}
