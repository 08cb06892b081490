import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { writeGraph } from '../encoder/fixtures/graph-model.js'
import { loadMobilenetGraph, type MobilenetGraph } from '../encoder/mobilenet-graph.js'
import { tensorCount } from '../engine/fixtures/backends.js'
import { TensorFlowOps } from '../engine/tensorflow.js'
import { Random } from '../random.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { type BundleContent, decoderWeightsOf, readBundle, writeBundle } from './bundle.js'
import { Decoder } from './decoder.js'
import { openRuntime } from './engines.js'
import { drawnPixels, drawnWeights, tinyConfig, VOCABULARY } from './fixtures/captioners.js'

const PHOTOS = 2
const CPU = { engine: 'cpu', threads: 1 } as const

const folder = temporaryFolder('runtime')
const whole = join(folder, 'whole')
let graph: MobilenetGraph
let content: BundleContent
beforeAll(async () => {
  const random = new Random('graph bundle')
  const drawn = (length: number, scale: number) =>
    Float32Array.from({ length }, () => scale * random.normal())
  await writeGraph(join(folder, 'graph.json'), { filter: drawn(12, 8), bias: drawn(4, 1) })
  graph = await loadMobilenetGraph(join(folder, 'graph.json'), 'cpu', [-1, 1])
  const decoder = tinyConfig(graph)
  content = {
    config: {
      name: 'tiny',
      encoder: {
        name: 'mobilenet-graph',
        source: 'random',
        inputRange: [-1, 1],
        grid: [7, 7],
        channels: 4,
      },
      decoder,
      defaultStyle: 'plain',
      training: {},
    },
    vocabulary: VOCABULARY,
    encoderWeights: {},
    encoderFiles: graph.files,
    decoderWeights: drawnWeights(new Decoder(decoder), 1),
  }
  await writeBundle(whole, content)
})
afterAll(() => graph.dispose())

describe('a bundle whose encoder is a graph', () => {
  it('carries the graph, and no ONNX graphs', async () => {
    const files = ['encoder/model.json', 'encoder/weights.bin', 'model.safetensors', 'vocabulary.json']
    expect((await readdir(whole)).sort()).toEqual(
      ['README.md', 'config.json', 'encoder', 'model.safetensors', 'vocabulary.json'].sort(),
    )
    const { config, weights, encoder } = await readBundle(whole)
    expect(Object.keys(config.files).sort()).toEqual(files)
    expect([...weights.entries.keys()].every((name) => name.startsWith('decoder.'))).toBe(true)
    expect(encoder).toMatchObject({ name: 'mobilenet-graph', imageSize: 224, grid: [7, 7], channels: 4 })
  })

  it('decodes the features of its graph', async () => {
    const bundle = await readBundle(whole)
    const pixels = drawnPixels(PHOTOS, 224)
    const tokens = Int32Array.from({ length: PHOTOS }, () => VOCABULARY.startOf('plain'))

    const before = tensorCount()
    const { runtime } = await openRuntime(bundle, CPU)
    const model = await runtime.encode(pixels, PHOTOS, true)
    const state = await model.start()
    const bias = new Float32Array(VOCABULARY.size)
    const { continuations, state: after } = await model.step(tokens, state, VOCABULARY.size, bias)
    for (const kept of [state, after]) model.release(kept)
    model.dispose()
    await runtime.close()
    expect(tensorCount()).toBe(before)

    const ops = new TensorFlowOps()
    const features = await graph.features(pixels, PHOTOS)
    const wanted = ops.scope(() => {
      const values = decoderWeightsOf(bundle)
      const weights = Object.fromEntries(
        bundle.decoder.parameters.map(({ name, shape }) => [name, ops.input(values[name]!, shape)]),
      )
      const started = bundle.decoder.start(ops, weights, ops.input(features, [PHOTOS, 49, 4]))
      const words = ops.input(tokens, [PHOTOS, 1])
      return ops
        .read(bundle.decoder.step(ops, weights, words, started.memory, started.state).logProbs)
        .slice()
    })
    continuations.tokens.forEach((token, i) => {
      const photo = Math.floor(i / VOCABULARY.size)
      expect(continuations.logProbs[i]).toBeCloseTo(wanted[photo * VOCABULARY.size + token]!, 5)
    })
    // Photos that look different must not read the same.
    expect(wanted.subarray(0, VOCABULARY.size)).not.toEqual(wanted.subarray(VOCABULARY.size))
  })

  it('runs in TensorFlow.js and says why', async () => {
    const bundle = await readBundle(whole)
    const { runtime, engine } = await openRuntime(bundle, { engine: 'auto', threads: 1 })
    expect(engine).toMatch(
      /^TensorFlow\.js (native|wasm|cpu), because mobilenet-graph is a graph that TensorFlow\.js alone runs$/,
    )
    await runtime.close()
    await expect(openRuntime(bundle, { engine: 'onnx', threads: 1 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(
        /^Expected one of auto, native, wasm, cpu .*TensorFlow.* for engine but received "onnx"$/,
      ),
    })
  })

  it('needs the files of its graph', async () => {
    const { encoderFiles: _, ...without } = content
    await expect(writeBundle(join(folder, 'without'), without)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      where: 'encoderFiles',
    })
  })
})

describe('a damaged bundle with a graph', () => {
  let path: string
  beforeEach(async () => {
    path = temporaryFolder('damaged', onTestFinished)
    await cp(whole, path, { recursive: true })
  })
  const change = async (
    edit: (config: { encoder: Record<string, unknown>; files: Record<string, unknown> }) => void,
  ): Promise<void> => {
    const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8'))
    edit(config)
    await writeFile(join(path, 'config.json'), JSON.stringify(config))
  }
  const open = async () => openRuntime(await readBundle(path), CPU)

  it.each(['model.json', 'weights.bin'])('is refused for a flipped bit in %s', async (name) => {
    const file = join(path, 'encoder', name)
    const bytes = await readFile(file)
    bytes[20] = bytes[20]! ^ 1
    await writeFile(file, bytes)
    await expect(open()).rejects.toMatchObject({ code: 'INVALID_BUNDLE', where: file })
  })

  it.each(['model.json', 'weights.bin'])('is refused without the sum of %s', async (name) => {
    await change(({ files }) => delete files[`encoder/${name}`])
    await expect(open()).rejects.toMatchObject({
      code: 'INVALID_BUNDLE',
      message: expect.stringContaining(name),
    })
  })

  it('is refused for another grid', async () => {
    await change(({ encoder }) => {
      encoder.grid = [49, 1]
    })
    await expect(open()).rejects.toMatchObject({
      code: 'INVALID_BUNDLE',
      message: expect.stringContaining('a grid of 49 × 1 and 4 channels'),
    })
  })

  it.each(['inputRange', 'grid', 'channels'])('is refused without %s', async (name) => {
    await change(({ encoder }) => delete encoder[name])
    await expect(open()).rejects.toMatchObject({
      code: 'INVALID_BUNDLE',
      message: expect.stringContaining(`encoder.${name}`),
    })
  })
})
