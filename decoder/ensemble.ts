import type { Engine } from '../engine/backends.js'
import { expected } from '../errors.js'
import { bestOfRows } from '../search/rows.js'
import type { Bundle } from './bundle.js'
import { openRuntime } from './engines.js'
import type { PhotoModel, Runtime } from './runtime.js'
import { checkSame, type Same, termsOfAll } from './several.js'

/** Bundles as one captioner. */
export interface Ensemble {
  readonly bundle: Bundle
  readonly runtime: Runtime
  readonly engine: string
}

/**
 * Opens bundles on an engine, as one captioner: at every word the mean of their probabilities (Sutskever, Vinyals and Le
 * 2014, section 3.6; in the space of probabilities). Vocabulary, size of photos and grid have to be the same.
 * The first says which style is spoken when none is asked for; the terms of all hold. Confidences of a single one do not
 * hold for several, which are not calibrated.
 * @throws ShowtellError INVALID_ARGUMENT naming the bundle that does not fit, ENGINE_UNAVAILABLE, INVALID_BUNDLE
 */
export async function openEnsemble(
  bundles: readonly Bundle[],
  settings: { readonly engine: Engine; readonly threads: number },
): Promise<Ensemble> {
  const [first] = bundles
  if (first === undefined) throw expected('at least one', 'bundles', 0)
  checkSame(bundles, SAME)
  if (bundles.length === 1) return { bundle: first, ...(await openRuntime(first, settings)) }
  const runtimes: Runtime[] = []
  const close = async (): Promise<void> => {
    for (const runtime of runtimes) await runtime.close()
  }
  try {
    const engines = new Set<string>()
    for (const bundle of bundles) {
      const opened = await openRuntime(bundle, settings)
      runtimes.push(opened.runtime)
      engines.add(opened.engine)
    }
    const { confidence: _, ...config } = first.config
    const name = bundles.map((bundle) => bundle.config.name).join(' + ')
    return {
      bundle: { ...first, config: { ...config, name, ...termsOfAll(bundles) } },
      runtime: together(runtimes, close),
      engine: [...engines].join('; '),
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** What has to be the same of bundles that speak together. */
const SAME: Same = {
  vocabulary: ({ vocabulary }) => vocabulary,
  'size of photos': ({ encoder }) => encoder.imageSize,
  'grid of regions': ({ encoder }) => encoder.grid.join(' × '),
}

function together(runtimes: readonly Runtime[], close: () => Promise<void>): Runtime {
  return {
    async encode(pixels, images, alignment, signal) {
      const models: PhotoModel[] = []
      try {
        for (const runtime of runtimes) models.push(await runtime.encode(pixels, images, alignment, signal))
      } catch (error) {
        for (const model of models) {
          model.release(await model.start())
          model.dispose()
        }
        throw error
      }
      return averaged(models)
    },
    close,
  }
}

/** The models as one whose probabilities are the mean of theirs; a state is a list of theirs. */
export function averaged(models: readonly PhotoModel[]): PhotoModel {
  const { images, vocabularySize } = models[0]!
  const each = (state: unknown): [PhotoModel, unknown][] =>
    models.map((model, i) => [model, (state as unknown[])[i]])
  const rows: PhotoModel['rows'] = async (tokens, state, bias) => {
    const mean = new Float32Array(tokens.length * vocabularySize)
    const after: unknown[] = []
    const alignments: Float32Array[] = []
    for (const [model, own] of each(state)) {
      const { logProbs, alignment, state: next } = await model.rows(tokens, own, bias)
      after.push(next)
      for (let i = 0; i < mean.length; i++) mean[i]! += Math.exp(logProbs[i]!) / models.length
      if (alignment !== undefined) alignments.push(alignment)
    }
    const alignment = alignments[0]?.map(
      (_, i) => alignments.reduce((sum, one) => sum + one[i]!, 0) / alignments.length,
    )
    return { logProbs: mean.map(Math.log), ...(alignment === undefined ? {} : { alignment }), state: after }
  }
  return {
    images,
    vocabularySize,
    start: () => Promise.all(models.map((model) => model.start())),
    rows,
    async step(tokens, state, k, bias) {
      const { logProbs, state: after, ...looked } = await rows(tokens, state, bias)
      return { continuations: { ...bestOfRows(logProbs, vocabularySize, k), ...looked }, state: after }
    },
    select: (state, parents) => each(state).map(([model, own]) => model.select(own, parents)),
    release: (state) => {
      for (const [model, own] of each(state)) model.release(own)
    },
    dispose: () => {
      for (const model of models) model.dispose()
    },
  }
}
