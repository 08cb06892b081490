import { readdir } from 'node:fs/promises'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { BACKENDS } from '../engine/backends.js'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { Random } from '../random.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { type Array32, type Block, convolution, type Encoder, runBlocks } from './encoder.js'
import { onnxExtractor, openExtractor, tensorFlowExtractor } from './extractor.js'

const SIZE = 8
const random = new Random('extractor')
const drawn = (...shape: number[]): Array32 => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
})

/** A convolution of stride 4, and one that sees each region by itself. */
const encoder: Encoder = {
  name: 'two convolutions',
  imageSize: SIZE,
  grid: [2, 2],
  channels: 5,
  range: [0, 6],
  blocks: [
    {
      parameters: convolution('first', [4, 4, 3, 6]),
      run(ops, weights, pixels) {
        const scaled = ops.mul(ops.cast(pixels, 'float32'), ops.constant([1 / 255], [], 'float32'))
        return ops.relu6(
          ops.conv2d(scaled, weights['first.filter']!, weights['first.bias']!, {
            stride: 4,
            padding: [0, 0, 0, 0],
          }),
        )
      },
    },
    {
      parameters: convolution('second', [1, 1, 6, 5]),
      run(ops, weights, x) {
        const { 'second.filter': filter, 'second.bias': bias } = weights
        const grid = ops.conv2d(x, filter!, bias!, { stride: 1, padding: [0, 0, 0, 0] })
        return ops.reshape(ops.relu6(grid), [0, 4, 5])
      },
    },
  ],
  importWeights: () => ({
    'first.filter': drawn(4, 4, 3, 6),
    'first.bias': drawn(6),
    'second.filter': drawn(1, 1, 6, 5),
    'second.bias': drawn(5),
  }),
}
const weights = encoder.importWeights(() => drawn(0))
const pixels = Uint8Array.from({ length: 3 * SIZE * SIZE * 3 }, () => random.below(256))

const broken: Encoder = {
  ...encoder,
  blocks: [
    {
      parameters: [],
      run: () => {
        throw new Error('no features')
      },
    },
  ],
}

describe('onnxExtractor', () => {
  it('gives the features of TensorFlow.js, photo by photo in order', async () => {
    const [onnx, cpu] = [
      await onnxExtractor(encoder, weights),
      await tensorFlowExtractor(encoder, weights, 'cpu'),
    ]
    expect([onnx.engine, cpu.engine]).toEqual(['onnx', 'cpu'])
    const [ours, theirs] = [await onnx.features(pixels, 3), await cpu.features(pixels, 3)]
    expect(ours.length).toBe(3 * 4 * 5)
    expect(Math.max(...theirs)).toBeGreaterThan(1)
    theirs.forEach((value, i) => {
      expect(ours[i]).toBeCloseTo(value, 4)
    })
    await onnx.dispose()
    await cpu.dispose()
  })

  it('runs the first blocks alone, whose output the others make features of', async () => {
    const first = await onnxExtractor({ ...encoder, blocks: encoder.blocks.slice(0, 1) }, weights)
    const whole = await tensorFlowExtractor(encoder, weights, 'cpu')
    const { shape, data } = await first.run(pixels, 3)
    expect(shape).toEqual([3, 2, 2, 6])
    const ops = new TensorFlowOps()
    const features = ops.scope(() => {
      const held = Object.fromEntries(
        Object.entries(weights).map(([name, held]) => [name, ops.input(held.data, held.shape)]),
      )
      return runBlocks(ops, encoder.blocks.slice(1), held, ops.input(data, shape))
    })
    const theirs = await whole.features(pixels, 3)
    ops.read(features).forEach((value, i) => {
      expect(value).toBeCloseTo(theirs[i]!, 4)
    })
    ops.dispose([features])
    await first.dispose()
    await whole.dispose()
  })

  it('leaves no files behind, neither after a failure', async () => {
    const folder = temporaryFolder('extractor', onTestFinished)
    vi.stubEnv('TMPDIR', folder)
    const extractor = await onnxExtractor(encoder, weights)
    expect(await readdir(folder)).toHaveLength(1)
    await extractor.dispose()
    expect(await readdir(folder)).toEqual([])
    await expect(onnxExtractor(broken, weights)).rejects.toThrow('no features')
    expect(await readdir(folder)).toEqual([])
    vi.unstubAllEnvs()
  })
})

describe('tensorFlowExtractor', () => {
  const many = Uint8Array.from({ length: 9 * SIZE * SIZE * 3 }, () => random.below(256))
  /** Runs so many of the photos; what each run of each block was given, and what was alive before and after it. */
  const watched = async (photos: number) => {
    const seen: { images: number; tensors: number; bytes: number }[] = []
    const watch = (block: Block): Block => ({
      ...block,
      run(ops, held, x) {
        const tensors = tf.memory().numTensors
        const given = block.run(ops, held, x)
        seen.push({ images: (x as Tensor).shape[0]!, tensors, bytes: tf.memory().numBytes })
        return given
      },
    })
    const network = { ...encoder, blocks: encoder.blocks.map(watch) }
    const extractor = await tensorFlowExtractor(network, weights, 'cpu')
    const features = await extractor.features(many.subarray(0, photos * SIZE * SIZE * 3), photos)
    await extractor.dispose()
    return { features, seen, peak: Math.max(...seen.map(({ bytes }) => bytes)) }
  }

  it('takes 4 photos at a time, so that many take no more memory', async () => {
    const before = tf.memory().numTensors
    const [all, few] = [await watched(9), await watched(4)]
    expect(all.seen.map(({ images }) => images)).toEqual([4, 4, 4, 4, 1, 1])
    expect(all.peak).toBe(few.peak)
    expect(tf.memory().numTensors).toBe(before)
    const extractor = await tensorFlowExtractor(encoder, weights, 'cpu')
    const photo = SIZE * SIZE * 3
    for (let i = 0; i < 9; i++) {
      const alone = await extractor.features(many.subarray(i * photo, (i + 1) * photo), 1)
      expect(all.features.subarray(i * alone.length, (i + 1) * alone.length)).toEqual(alone)
    }
    await extractor.dispose()
  })

  it('hears between its parts that nobody waits any more', async () => {
    const gone = new AbortController()
    let runs = 0
    const counted = (block: Block): Block => ({
      ...block,
      run(...given) {
        runs++
        setImmediate(() => gone.abort(new Error('gone')))
        return block.run(...given)
      },
    })
    const network = { ...encoder, blocks: encoder.blocks.map(counted) }
    const extractor = await tensorFlowExtractor(network, weights, 'cpu')
    await expect(extractor.features(many, 9, gone.signal)).rejects.toThrow('gone')
    expect(runs).toBe(encoder.blocks.length)
    await extractor.dispose()
  })

  it('keeps nothing for a block but its input and the weights', async () => {
    const before = tf.memory().numTensors
    const { seen } = await watched(1)
    expect(seen.map(({ tensors }) => tensors - before)).toEqual([5, 5])
  })
})

describe('openExtractor', () => {
  it('takes onnxruntime where it loads, and does not hide its failures', async () => {
    const extractor = await openExtractor(encoder, weights, expect.unreachable)
    expect(extractor.engine).toBe('onnx')
    await extractor.dispose()
    await expect(openExtractor(broken, weights, expect.unreachable)).rejects.toThrow('no features')
  })

  it('falls back to TensorFlow.js and says why', async () => {
    vi.doMock('onnxruntime-node', () => {
      throw new Error('no library')
    })
    vi.resetModules()
    const { openExtractor: open } = await import('./extractor.js')
    const reasons: string[] = []
    const extractor = await open(encoder, weights, (reason) => reasons.push(reason))
    expect(BACKENDS).toContain(extractor.engine)
    expect(reasons).toEqual([
      expect.stringMatching(/^Expected onnxruntime-node to load but it has no library for /),
    ])
    await extractor.dispose()
    vi.doUnmock('onnxruntime-node')
  })
})
