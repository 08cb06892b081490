import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { Vocabulary } from '../data/vocabulary.js'
import { tensorCount } from '../engine/fixtures/backends.js'
import { useBackend } from '../engine/use-backend.js'
import { beamSearch } from '../search/beam.js'
import { Constraints } from '../search/constraints.js'
import { enumerate, ToyModel } from '../search/toy.test.model.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import type { Bundle } from './bundle.js'
import { Captioning } from './captioning.js'
import { openRuntime } from './engines.js'
import { averaged, openEnsemble } from './ensemble.js'
import { drawnPixels, looseBundle, tinyConfig, VOCABULARY } from './fixtures/captioners.js'
import { smallEncoder } from './fixtures/encoders.js'
import { captionOptionsSchema } from './options.js'
import type { PhotoModel, Runtime } from './runtime.js'

vi.mock('./engines.js', { spy: true })
const PHOTOS = 2
const { encoder, weights } = smallEncoder()
const folder = temporaryFolder('ensemble')
let bundle: Bundle
let other: Bundle
beforeAll(async () => {
  await useBackend('cpu')
  const make = (cell: 'lstm' | 'gru') =>
    looseBundle(join(folder, cell), encoder, weights, tinyConfig(encoder, { cell }))
  bundle = await make('lstm')
  other = await make('gru')
})

describe('averaged', () => {
  const toy = { vocabularySize: 6, end: 0, minLength: 1, maxLength: 4, banned: [5], noRepeatNgram: 2 }
  const disposable = (model: ToyModel): PhotoModel => Object.assign(model, { dispose: () => {} })
  const step = vi.spyOn(ToyModel.prototype, 'step')
  const search = (model: PhotoModel) =>
    beamSearch(model, {
      start: 5,
      count: 5,
      lengthPenalty: 0.7,
      beamSize: 1536,
      constraints: new Constraints(toy),
    })

  it('finds what enumeration finds under the mean of the probabilities', async () => {
    const models = [new ToyModel([1, 2], 6), new ToyModel([3, 4], 6, 3)]
    const found = await search(averaged(models.map(disposable)))
    const mean = {
      logProbs: (image: number, history: readonly number[]) =>
        models[0]!
          .logProbs(image, history)
          .map((one, i) => Math.log((Math.exp(one) + Math.exp(models[1]!.logProbs(image, history)[i]!)) / 2)),
    }
    for (const [image, hypotheses] of found.entries()) {
      const best = enumerate(mean, image, 5, toy)
        .map(({ tokens, logProb }) => ({ tokens, score: logProb / tokens.length ** 0.7 }))
        .sort((a, b) => b.score - a.score)
      for (const [i, { tokens, score }] of hypotheses.entries()) {
        expect([...tokens]).toEqual(best[i]!.tokens)
        expect(score).toBeCloseTo(best[i]!.score, 5)
      }
    }
    expect(models.map(({ unreleased }) => unreleased)).toEqual([0, 0])
    // Rows that are sorted only to be put into the order of the tokens again cost many times the step.
    expect(step).not.toHaveBeenCalled()
  })

  it('lets nobody say what is banned', async () => {
    const [found] = await search(averaged([1, 2].map((seed) => disposable(new ToyModel([seed], 6)))))
    for (const { tokens } of found!) expect(tokens).not.toContain(5)
  })
})

describe.each(['onnx', 'cpu'] as const)('in %s', (engine) => {
  const captionsOf = async (bundles: readonly Bundle[]) => {
    const ensemble = await openEnsemble(bundles, { engine, threads: 1 })
    const options = captionOptionsSchema.parse({ attention: true })
    const captioning = new Captioning(ensemble.bundle, ensemble.runtime)
    const { captions } = await captioning.caption(drawnPixels(PHOTOS, encoder.imageSize), PHOTOS, options)
    await ensemble.runtime.close()
    return captions.map(([best]) => best!)
  }

  it('a bundle with itself says what it says alone; with another, something else', async () => {
    const before = tensorCount()
    const alone = await captionsOf([bundle])
    const twice = await captionsOf([bundle, bundle])
    expect(twice.map(({ tokens }) => tokens)).toEqual(alone.map(({ tokens }) => tokens))
    for (const [i, { logProb, attention }] of twice.entries()) {
      expect(logProb).toBeCloseTo(alone[i]!.logProb, 4)
      for (const [row, shares] of attention!.entries())
        for (const [region, share] of shares.entries())
          expect(share).toBeCloseTo(alone[i]!.attention![row]![region]!, 5)
    }
    const both = await captionsOf([bundle, other])
    expect(both.map(({ logProb }) => logProb)).not.toEqual(alone.map(({ logProb }) => logProb))
    expect(tensorCount()).toBe(before)
  })

  it('keeps nothing of photos that nobody waits for any more when only some have seen them', async () => {
    const { runtime } = await openEnsemble([bundle, other], { engine, threads: 1 })
    const before = tensorCount()
    let asked = 0
    const gone = new AbortController()
    vi.spyOn(gone.signal, 'throwIfAborted').mockImplementation(() => {
      if (++asked === 2) throw new Error('gone')
    })
    const pixels = drawnPixels(PHOTOS, encoder.imageSize)
    await expect(runtime.encode(pixels, PHOTOS, false, gone.signal)).rejects.toThrow('gone')
    expect(tensorCount()).toBe(before)
    await runtime.close()
  })
})

describe('openEnsemble', () => {
  const open = (...bundles: Bundle[]) => openEnsemble(bundles, { engine: 'cpu', threads: 1 })

  it('has all names and no confidence', async () => {
    const confidence = {
      weights: [1, 2, 3, 4] as [number, number, number, number],
      objects: {},
      calibration: '',
    }
    const sure = { ...bundle, config: { ...bundle.config, confidence } }
    const { bundle: both, runtime } = await open(sure, other)
    expect(both.config.name).toBe('loose + loose')
    expect(both.config).not.toHaveProperty('confidence')
    await runtime.close()
  })

  it('has the terms of all, each once, and none where none were stated', async () => {
    const termsOf = async (...terms: (string | undefined)[]) => {
      const bundles = terms.map((one): Bundle => {
        const { terms: _, ...config } = bundle.config
        return { ...bundle, config: one === undefined ? config : { ...config, terms: one } }
      })
      const { bundle: both, runtime } = await open(...bundles)
      await runtime.close()
      return both.config
    }
    expect(await termsOf(undefined, 'For research.', 'No sale.', 'For research.')).toHaveProperty(
      'terms',
      'For research. No sale.',
    )
    // As a mean of both has them.
    expect(await termsOf('No sale.', 'For research. No sale.')).toHaveProperty(
      'terms',
      'For research. No sale.',
    )
    expect(await termsOf(undefined, undefined)).not.toHaveProperty('terms')
  })

  it('names each engine once, whichever bundle it runs', async () => {
    const none = { close: async () => {} } as Runtime
    for (const engine of ['TensorFlow.js wasm, because it is a graph', 'onnx', 'onnx'])
      vi.mocked(openRuntime).mockResolvedValueOnce({ runtime: none, engine })
    expect((await open(bundle, other, bundle)).engine).toBe('TensorFlow.js wasm, because it is a graph; onnx')
  })

  it('refuses another vocabulary, another size of photos and another grid, and names the bundle and both', async () => {
    const { words, ...rest } = VOCABULARY.toJSON()
    const words2 = [...words.slice(0, -1), 'dry']
    await expect(
      open(bundle, { ...other, vocabulary: Vocabulary.fromJSON({ ...rest, words: words2 }) }),
    ).rejects.toThrow(`Expected the vocabulary of ${bundle.path} for ${other.path} but received "another"`)
    const [rows, columns] = encoder.grid
    await expect(open(bundle, { ...other, encoder: { ...encoder, grid: [1, 9] } })).rejects.toThrow(
      `Expected the grid of regions ${rows} × ${columns} of ${bundle.path} for ${other.path} but received "1 × 9"`,
    )
    await expect(open(bundle, { ...other, encoder: { ...encoder, imageSize: 999 } })).rejects.toThrow(
      `Expected the size of photos ${encoder.imageSize} of ${bundle.path} for ${other.path} but received 999`,
    )
    await expect(open()).rejects.toThrow('Expected at least one for bundles but received 0')
  })
})
