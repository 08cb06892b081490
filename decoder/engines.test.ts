import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { ENCODERS, encoderByName } from '../encoder/encoders.js'
import { tensorCount } from '../engine/fixtures/backends.js'
import { largestDifference } from '../engine/fixtures/values.js'
import { useBackend } from '../engine/use-backend.js'
import { Random } from '../random.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { Captioning } from './captioning.js'
import { openRuntime } from './engines.js'
import { drawnPixels, looseBundle, tinyConfig, VOCABULARY } from './fixtures/captioners.js'
import { RANDOM_ENCODERS, type RandomEncoder, smallEncoder } from './fixtures/encoders.js'
import { EVERY_VARIANT, inWords } from './fixtures/tiny.js'
import { captionOptionsSchema } from './options.js'
import type { PhotoModel, Runtime } from './runtime.js'

const PHOTOS = 2

const folder = temporaryFolder('engines')
beforeAll(() => useBackend('wasm'))

it('covers every encoder', () => {
  expect(Object.keys(RANDOM_ENCODERS)).toEqual(Object.keys(ENCODERS))
})

describe('both engines say the same', () => {
  it.each(Object.keys(RANDOM_ENCODERS))('of what %s sees', (name) =>
    expectAgreement(RANDOM_ENCODERS[name]!(), {}),
  )

  it('of photos of another size', () =>
    expectAgreement(
      { ...RANDOM_ENCODERS['efficientnet-lite0']!(), encoder: encoderByName('efficientnet-lite0', 96) },
      {},
    ))

  it.each(EVERY_VARIANT.map((variant) => [inWords(variant), variant] as const))('as %s', (_, variant) =>
    expectAgreement(smallEncoder(), variant),
  )
})

/** Log-probabilities, alignments and captions, together and alone, in onnxruntime and in TensorFlow.js. */
async function expectAgreement(
  { encoder, weights }: RandomEncoder,
  variant: Parameters<typeof tinyConfig>[1],
): Promise<void> {
  const pixels = drawnPixels(PHOTOS, encoder.imageSize)
  const photo = pixels.length / PHOTOS
  const config = tinyConfig(encoder, variant)
  const bundle = await looseBundle(join(folder, 'bundle'), encoder, weights, config)
  const onnx = (await openRuntime(bundle, { engine: 'onnx', threads: 1 })).runtime
  const before = tensorCount()
  const wasm = (await openRuntime(bundle, { engine: 'wasm', threads: 1 })).runtime

  const theirs = await forced(wasm, pixels, config.attention !== 'none')
  const ours = await forced(onnx, pixels, config.attention !== 'none')
  expect(largestDifference(ours.logProbs, theirs.logProbs)).toBeLessThan(1e-4)
  expect(largestDifference(ours.alignment, theirs.alignment)).toBeLessThan(1e-4)
  // Otherwise any decoder would pass.
  expect(spread(ours.logProbs)).toBeGreaterThan(1)

  const options = captionOptionsSchema.parse({ beamSize: 3, count: 3 })
  const captions = []
  for (const runtime of [onnx, wasm]) {
    const captioning = new Captioning(bundle, runtime)
    const together = texts((await captioning.caption(pixels.slice(), PHOTOS, options)).captions)
    const alone = []
    for (let i = 0; i < PHOTOS; i++) {
      const one = await captioning.caption(pixels.slice(i * photo, (i + 1) * photo), 1, options)
      alone.push(...texts(one.captions))
    }
    expect(alone).toEqual(together)
    captions.push(together)
    await runtime.close()
  }
  expect(captions[0]).toEqual(captions[1])
  expect(tensorCount()).toBe(before)
}

describe('openRuntime', () => {
  const { encoder, weights } = RANDOM_ENCODERS['vgg16-fc7']!()
  const open = async (engine: string, by = openRuntime) => {
    const bundle = await looseBundle(join(folder, 'open'), encoder, weights, tinyConfig(encoder))
    const opened = await by(bundle, { engine: engine as 'auto', threads: 1 })
    await opened.runtime.close()
    return opened.engine
  }

  it('says which engine it took', async () => {
    expect(await open('auto')).toBe('onnx')
    expect(await open('cpu')).toBe('TensorFlow.js cpu')
  })

  it('takes TensorFlow.js where onnxruntime does not load, and says why', async () => {
    vi.doMock('onnxruntime-node', () => {
      throw new Error('no binding')
    })
    vi.resetModules()
    const { openRuntime: without } = await import('./engines.js')
    expect(await open('auto', without)).toMatch(
      /^TensorFlow\.js (native|wasm), slower, because: Expected onnxruntime-node to load/,
    )
    await expect(open('onnx', without)).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' })
    vi.doUnmock('onnxruntime-node')
  })
})

function texts(captions: readonly (readonly { readonly text: string }[])[]): string[][] {
  return captions.map((found) => found.map(({ text }) => text))
}

/** Log-probabilities [steps, photos, hypotheses, vocabulary] of random words, and where the model looked. */
async function forced(
  runtime: Runtime,
  pixels: Uint8Array,
  attends: boolean,
): Promise<{ logProbs: Float32Array; alignment: Float32Array }> {
  const random = new Random('forced')
  const model = await runtime.encode(pixels.slice(), PHOTOS, true)
  const logProbs: number[] = []
  const alignment: number[] = []
  let state = await model.start()
  let hypotheses = 1
  for (let step = 0; step < 5; step++) {
    if (step === 1) {
      // Three hypotheses, the first state for all.
      hypotheses = 3
      state = replaced(model, state, model.select(state, new Int32Array(PHOTOS * hypotheses)))
    } else if (step > 1) {
      const parents = Int32Array.from({ length: PHOTOS * hypotheses }, () => random.below(hypotheses))
      state = replaced(model, state, model.select(state, parents))
    }
    const tokens = Int32Array.from({ length: PHOTOS * hypotheses }, () => random.below(VOCABULARY.size))
    const bias = new Float32Array(VOCABULARY.size)
    const next = await model.step(tokens, state, VOCABULARY.size, bias)
    const row = new Float32Array(next.continuations.logProbs.length)
    next.continuations.tokens.forEach((token, i) => {
      row[Math.floor(i / VOCABULARY.size) * VOCABULARY.size + token] = next.continuations.logProbs[i]!
    })
    logProbs.push(...row)
    expect(next.continuations.alignment !== undefined).toBe(attends)
    alignment.push(...(next.continuations.alignment ?? []))
    state = replaced(model, state, next.state)
  }
  model.release(state)
  model.dispose()
  return { logProbs: Float32Array.from(logProbs), alignment: Float32Array.from(alignment) }
}

function replaced(model: PhotoModel, before: unknown, after: unknown): unknown {
  model.release(before)
  return after
}

function spread(values: Float32Array): number {
  return Math.max(...values) - Math.min(...values)
}
