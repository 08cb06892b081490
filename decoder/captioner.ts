import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { DEFAULT_IMAGE_LIMITS, decodeImage } from '../encoder/image.js'
import { ShowtellError } from '../errors.js'
import type { CaptionedBatch } from './captioning.js'
import type { CaptionEngine } from './engines.js'
import { type CaptionOptions, captionOptionsSchema } from './options.js'
import type { CaptionedPhoto, Captioner, ModelDescription } from './types.js'
import { validate } from './validate.js'
import type { WorkerAnswer, WorkerRequest, WorkerSettings } from './worker.js'

export interface CaptionerOptions {
  /** `auto`: onnxruntime, or TensorFlow.js where it does not load; `model.engine` says which. */
  readonly engine?: CaptionEngine
  /** Threads of the model; the processor's cores by default, at most 4. */
  readonly threads?: number
  /** Most pixels of a photo, checked before decoding. */
  readonly pixelLimit?: number
}

interface Waiting {
  resolve(batch: CaptionedBatch): void
  reject(error: Error): void
}

/**
 * Loads a bundle into a thread of its own and waits until it is ready.
 * @param path folder of the bundle; the one that ships when absent.
 * @throws ShowtellError NOT_FOUND or INVALID_BUNDLE naming what does not fit, ENGINE_UNAVAILABLE.
 */
export async function loadCaptioner(
  path: string = shippedBundle(),
  options: CaptionerOptions = {},
): Promise<Captioner> {
  const settings: WorkerSettings = {
    bundle: path,
    engine: options.engine ?? 'auto',
    threads: options.threads ?? Math.min(4, availableParallelism()),
  }
  const limits = { pixels: options.pixelLimit ?? DEFAULT_IMAGE_LIMITS.pixels }
  const worker = startWorker(settings)
  const waiting = new Map<number, Waiting>()
  let ended: Error | undefined
  const end = (error: Error): void => {
    ended ??= error
    for (const { reject } of waiting.values()) reject(ended)
    waiting.clear()
  }
  const ready = await new Promise<{ model: ModelDescription; imageSize: number }>((resolve, reject) => {
    worker.on('message', (answer: WorkerAnswer) => {
      if (answer.kind === 'ready') return resolve(answer)
      const error =
        answer.kind === 'error'
          ? new ShowtellError(
              answer.error.code,
              answer.error.message,
              answer.error.where === undefined ? {} : { where: answer.error.where },
            )
          : undefined
      if (answer.id === undefined) return reject(error)
      const entry = waiting.get(answer.id)
      waiting.delete(answer.id)
      if (answer.kind === 'captions') entry?.resolve(answer.batch)
      else entry?.reject(error!)
    })
    const gone = (cause: unknown): void => {
      const error = new ShowtellError(
        'INTERNAL',
        `Expected the model's thread to run but it ended: ${String(cause)}`,
        { cause },
      )
      end(error)
      reject(error)
    }
    worker.on('error', gone)
    worker.on('exit', (code) => gone(`exit code ${code}`))
  }).catch(async (error) => {
    await worker.terminate()
    throw error
  })
  // An idle captioner does not keep a program alive; one with work to do does.
  worker.unref()

  let next = 0
  const run = (
    pixels: Uint8Array,
    images: number,
    captionOptions: CaptionOptions,
  ): Promise<CaptionedBatch> => {
    if (ended !== undefined) return Promise.reject(ended)
    const id = next++
    const request: WorkerRequest = { id, pixels, images, options: captionOptions }
    return new Promise<CaptionedBatch>((resolve, reject) => {
      waiting.set(id, { resolve, reject })
      worker.ref()
      worker.postMessage(request, [pixels.buffer as ArrayBuffer])
    }).finally(() => {
      if (waiting.size === 0) worker.unref()
    })
  }

  return {
    model: ready.model,
    async caption(images, request = {}) {
      const captionOptions = validate(captionOptionsSchema, request)
      const began = performance.now()
      const size = ready.imageSize
      const decoded = await Promise.all(
        images.map((image, i) =>
          decodeImage(image, size, typeof image === 'string' ? image : `image ${i + 1}`, limits).catch(
            (error: Error) => error,
          ),
        ),
      )
      const decode = performance.now() - began
      const good = decoded.filter((image) => image instanceof Uint8Array)
      if (good.length === 0) return decoded as Error[]
      // One buffer that is handed over to the worker, not copied.
      const pixels = new Uint8Array(good.length * size * size * 3)
      for (const [i, image] of good.entries()) pixels.set(image, i * size * size * 3)
      const batch = await run(pixels, good.length, captionOptions)
      let position = 0
      return decoded.map((image): CaptionedPhoto | Error => {
        if (image instanceof Error) return image
        return {
          captions: batch.captions[position++]!,
          timing: {
            decode: decode / images.length,
            encode: batch.encode / good.length,
            search: batch.search / good.length,
          },
        }
      })
    },
    async close() {
      end(new ShowtellError('ABORTED', 'Expected an open captioner but it was closed'))
      await worker.terminate()
    },
  }
}

/** The bundle that comes with the package. */
export function shippedBundle(): string {
  // dist/decoder/captioner.js and decoder/captioner.ts are one and two folders below the package.
  const up = import.meta.url.endsWith('.ts') ? '..' : '../..'
  return fileURLToPath(new URL(`${up}/models/showtell-base`, import.meta.url))
}

function startWorker(workerData: WorkerSettings): Worker {
  if (!import.meta.url.endsWith('.ts'))
    return new Worker(new URL('./worker.js', import.meta.url), { workerData })
  // From the sources (tests, development): Node 20 reads no TypeScript, so the worker first registers a loader.
  const [loader, source] = [import.meta.resolve('tsx/esm/api'), new URL('./worker.ts', import.meta.url).href]
  const code = `import('${loader}').then(({ register }) => { register(); return import('${source}') })`
  return new Worker(code, { eval: true, workerData })
}
