import { constants, getPriority, setPriority } from 'node:os'
import type { Engine } from '../engine/backends.js'
import { type PlainError, toPlain } from '../errors.js'
import { isForked } from '../fork.js'
import { type Bundle, readBundle, versionOf } from './bundle.js'
import { type CaptionedBatch, Captioning } from './captioning.js'
import { openEnsemble } from './ensemble.js'
import type { CaptionOptions } from './options.js'
import type { ModelDescription } from './types.js'

/** Steps of priority below who started it: about a third of the weight. */
const NICER = 5
const LEAST_PRIORITY = constants.priority.PRIORITY_LOW

/** From one sign of life to the next, while there is work, ms. */
const PULSE = 500

/** What the process is started with, as JSON. */
export interface WorkerSettings {
  /** More than one speak together. */
  readonly bundles: readonly string[]
  readonly engine: Engine
  readonly threads: number
}

export interface WorkerRequest {
  readonly kind: 'caption'
  readonly id: number
  readonly pixels: Uint8Array
  readonly images: number
  readonly options: CaptionOptions
}

/** Nobody waits for the answer to a request any more. It comes soon then, as an error, or as what was found already. */
export interface WorkerCancel {
  readonly kind: 'cancel'
  readonly id: number
}

export type WorkerAnswer =
  | { readonly kind: 'ready'; readonly model: ModelDescription; readonly imageSize: number }
  /** It has not answered yet, but does not hang. */
  | { readonly kind: 'alive' }
  | { readonly kind: 'captions'; readonly id: number; readonly batch: CaptionedBatch }
  | { readonly kind: 'error'; readonly id?: number; readonly error: PlainError }

// The model and the whole search live in this process: onnxruntime runs on the thread that calls it, an abort in it ends
// the process that it is in, and a message a word would cost more than the word.
if (isForked(import.meta.url)) {
  const answer = (message: WorkerAnswer): void => void process.send!(message)
  // Where cores are scarce, whoever asks goes first: a service's event loop shall not wait for the model's threads.
  try {
    setPriority(Math.min(LEAST_PRIORITY, getPriority() + NICER))
  } catch {
    // Where that is refused, they go as equals.
  }
  // Whoever started it says when it ends; a terminal and some supervisors signal to both.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  process.once('disconnect', () => process.exit())
  try {
    const settings = JSON.parse(process.argv[2]!) as WorkerSettings
    const bundles: Bundle[] = []
    for (const place of settings.bundles) bundles.push(await readBundle(place))
    const { bundle, runtime, engine } = await openEnsemble(bundles, settings)
    const { config, vocabulary, encoder } = bundle
    const ofAll = (of: (one: Bundle) => string): string => [...new Set(bundles.map(of))].join(' + ')
    // Without the weights, which the engine has its own of.
    const captioning = new Captioning({ config, vocabulary }, runtime)
    const open = new Map<number, AbortController>()
    let last: Promise<unknown> = Promise.resolve()
    setInterval(() => {
      if (open.size > 0) answer({ kind: 'alive' })
    }, PULSE)
    process.on('message', (message: WorkerRequest | WorkerCancel) => {
      const { id } = message
      if (message.kind === 'cancel') return open.get(id)?.abort()
      const { pixels, images, options } = message
      const controller = new AbortController()
      open.set(id, controller)
      last = last
        .then(() => captioning.caption(pixels, images, options, controller.signal))
        .then(
          (batch) => answer({ kind: 'captions', id, batch }),
          (error) => answer({ kind: 'error', id, error: toPlain(error) }),
        )
        .finally(() => open.delete(id))
    })
    answer({
      kind: 'ready',
      imageSize: encoder.imageSize,
      model: {
        name: config.name,
        version: bundles.map((one) => versionOf(one.config)).join('+'),
        encoder: ofAll((one) => one.encoder.name),
        cell: ofAll((one) => one.config.decoder.cell),
        attention: ofAll((one) => one.config.decoder.attention),
        styles: vocabulary.styles,
        vocabularySize: vocabulary.size,
        grid: encoder.grid,
        engine,
        calibrated: config.confidence !== undefined,
        ...(config.terms === undefined ? {} : { terms: config.terms }),
      },
    })
  } catch (error) {
    answer({ kind: 'error', error: toPlain(error) })
  }
}
