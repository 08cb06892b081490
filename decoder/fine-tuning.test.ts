import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { onnxExtractor } from '../encoder/extractor.js'
import { decodeImage } from '../encoder/image.js'
import { backends, tensorCount } from '../engine/fixtures/backends.js'
import { expectGradients } from '../engine/fixtures/differences.js'
import type { Values } from '../engine/fixtures/values.js'
import { TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { type ColouredPhotos, colourDecoder, colouredPhotos } from './fixtures/coloured-photos.js'
import { batchOf, steepWeights } from './fixtures/tiny.js'
import { threeBlocks, threeBlocksWeights } from './fixtures/tuning.js'
import { teacherForcingLoss } from './teacher-forcing.js'

const folder = temporaryFolder('fine-tuning')
let photos: ColouredPhotos
beforeAll(async () => {
  photos = await colouredPhotos(folder)
})

describe.each(backends)('a loss through decoder and encoder on %s', (backend) => {
  beforeAll(async () => {
    expect(await useBackend(backend)).toBe(backend)
  })

  it.each([1, 2, 3])(
    'has gradients that central differences confirm, of the last %i blocks',
    async (blocks) => {
      const features = await photos.open(blocks)
      const decoder = colourDecoder()
      const input = await features.input(photos.train.slice(0, 2))
      const batch = batchOf([
        [
          [
            [3, 4, 5],
            [4, 5, 1],
          ],
        ],
        [
          [
            [3, 6],
            [6, 1],
          ],
        ],
      ])
      const encoderWeights = features.parameters.map(({ name, shape }): [string, Values] => [
        name,
        { dims: shape, data: features.initial[name]! },
      ])
      // The regions of a photo of one colour are much alike, so that where the decoder looks is next to no matter: the
      // gradients of the attention are compared in teacher-forcing.test.ts.
      const of = (attention: boolean) =>
        Object.entries(steepWeights(decoder)).filter(([name]) => name.startsWith('attention.') === attention)
      expectGradients(
        Object.fromEntries([...of(false), ...encoderWeights]),
        (ops, weights) => {
          const looking = of(true).map(([name, { data, dims }]) => [
            name,
            ops.input(data as Float32Array, dims),
          ])
          const seen = features.of(ops, weights, ops.input(Float32Array.from(input.data), input.shape))
          const all = { ...weights, ...Object.fromEntries(looking) }
          return teacherForcingLoss(ops, decoder, all, batch, seen)
        },
        { directions: 2 },
      )
      await features.close()
    },
  )
})

describe('features of an encoder that is trained', () => {
  beforeAll(async () => {
    await useBackend('cpu')
  })

  it.each([1, 2, 3])('are those of the whole encoder, the last %i blocks being trained', async (blocks) => {
    const weights = threeBlocksWeights()
    const features = await photos.open(blocks, weights)
    const whole = await onnxExtractor(threeBlocks, weights)
    const keys = photos.train.map(({ key }) => key)
    const pixels = await Promise.all(keys.map((key) => decodeImage(join(folder, 'photos', key), 12)))
    const truth = await whole.features(Uint8Array.from(pixels.flatMap((of) => [...of])), keys.length)
    const { read, data, shape } = await features.input(photos.train)
    expect(read).toEqual([...keys.keys()])
    const ops = new TensorFlowOps()
    const [before, input] = [tensorCount(), ops.tensor(data, shape)]
    const held = Object.fromEntries(
      features.parameters.map(({ name, shape }) => [name, ops.tensor(features.initial[name]!, shape)]),
    )
    const seen = ops.scope(() => features.of(ops, held, input))
    expect(seen.shape).toEqual([keys.length, 4, 5])
    for (const [i, value] of ops.read(seen).entries()) expect(value).toBeCloseTo(truth[i]!, 4)
    ops.dispose([seen, input, ...Object.values(held)])
    expect(tensorCount()).toBe(before)
    await features.close()
    await whole.dispose()
  })

  it('see each photo otherwise each epoch, the same in the same epoch, half of the times whole', async () => {
    const features = await photos.open(3)
    const photo = photos.train.slice(0, 1)
    const seen = async (epoch: number, seed = 1) =>
      Buffer.from((await features.input(photo, { seed, epoch })).data as Uint8Array).toString('hex')
    const plain = Buffer.from((await features.input(photo)).data as Uint8Array).toString('hex')
    const epochs = await Promise.all(Array.from({ length: 40 }, (_, epoch) => seen(epoch)))
    expect(await seen(7)).toBe(epochs[7])
    expect(await seen(8, 2)).not.toBe(await seen(8, 1))
    const whole = epochs.filter((one) => one === plain).length
    expect(whole).toBeGreaterThan(3)
    // Cuts of 12 pixels are few.
    expect(new Set(epochs).size).toBeGreaterThan(8)
  })

  it('leave out what cannot be read, and say so once', async () => {
    const features = await photos.open(1)
    const asked = [
      photos.train[0]!,
      { key: 'half.png', style: 'plain' },
      { key: 'gone.png', style: 'plain' },
      photos.train[1]!,
    ]
    const { read, shape } = await features.input(asked)
    expect(read).toEqual([0, 3])
    expect(shape[0]).toBe(2)
    await features.input(asked, { seed: 1, epoch: 2 })
    expect(photos.problems).toHaveLength(2)
    for (const name of ['half.png', 'gone.png'])
      expect(photos.problems).toContainEqual(expect.stringContaining(name))
    expect(await features.input([asked[1]!])).toMatchObject({ read: [] })
    await features.close()
  })

  it.each([0, 4])('refuse %i of three blocks', async (blocks) => {
    await expect(photos.open(blocks)).rejects.toThrow(
      `Expected 1 to 3 blocks of three blocks for fineTuneEncoder but received ${blocks}`,
    )
  })
})
