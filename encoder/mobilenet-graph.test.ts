import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../engine/tensorflow.js'
import { Random } from '../random.js'
import { loadMobilenetGraph } from './mobilenet-graph.js'

const CHANNELS = 4
const random = new Random('mobilenet graph')
const filter = Float32Array.from({ length: 3 * CHANNELS }, () => 8 * random.normal())
const bias = Float32Array.from({ length: CHANNELS }, () => random.normal())
const pixels = Uint8Array.from({ length: 2 * 224 * 224 * 3 }, () => random.below(256))

let folder: string
beforeAll(async () => {
  await useBackend('cpu')
  folder = await mkdtemp(join(tmpdir(), 'showtell-graph-'))
  await writeGraph('relu6', 'Relu6')
  await writeGraph('relu', 'Relu')
})
afterAll(() => rm(folder, { recursive: true }))

describe('loadMobilenetGraph', () => {
  it('gives the grid that the pooling reads', async () => {
    const graph = await loadMobilenetGraph(join(folder, 'relu6.json'))
    expect(graph).toMatchObject({ imageSize: 224, grid: [7, 7], channels: CHANNELS, range: [0, 6] })
    expectClose(
      await graph.features(pixels, 2),
      gridOf((pixel) => pixel / 255),
    )
    graph.dispose()
  })

  it('scales pixels to the range the graph expects', async () => {
    const graph = await loadMobilenetGraph(join(folder, 'relu6.json'), [-1, 1])
    expectClose(
      await graph.features(pixels, 2),
      gridOf((pixel) => pixel / 127.5 - 1),
    )
    graph.dispose()
  })

  it('reads file and http URLs', async () => {
    const server = createServer(async (request, response) => {
      response.end(await readFile(join(folder, request.url!)).catch(() => undefined))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const urls = [pathToFileURL(join(folder, 'relu6.json')).href, `http://127.0.0.1:${port}/relu6.json`]
    for (const url of urls) {
      const graph = await loadMobilenetGraph(url)
      expectClose(
        await graph.features(pixels, 2),
        gridOf((pixel) => pixel / 255),
      )
      graph.dispose()
    }
    server.close()
  })

  it('leaves no tensor behind', async () => {
    const before = tf.memory().numTensors
    const graph = await loadMobilenetGraph(join(folder, 'relu6.json'))
    await graph.features(pixels, 2)
    graph.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  it('names the file that is missing or is no such graph', async () => {
    await expect(loadMobilenetGraph(join(folder, 'none.json'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      where: join(folder, 'none.json'),
    })
    await expect(loadMobilenetGraph(join(folder, 'relu.json'))).rejects.toThrow(
      `Expected a pooling behind a relu6 for ${join(folder, 'relu.json')} but received "pooled"`,
    )
    await writeFile(join(folder, 'text.json'), 'no graph')
    await expect(loadMobilenetGraph(join(folder, 'text.json'))).rejects.toMatchObject({
      code: 'INVALID_DATA',
    })
    await writeGraph('alone', 'Relu6', 'missing.bin')
    await expect(loadMobilenetGraph(join(folder, 'alone.json'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      where: join(folder, 'missing.bin'),
    })
  })

  it('refuses pixels of another size', async () => {
    const graph = await loadMobilenetGraph(join(folder, 'relu6.json'))
    await expect(graph.features(pixels, 1)).rejects.toThrow('pixels of 1 images of 224 × 224')
    graph.dispose()
  })
})

/** A network of one 1 × 1 convolution that looks at every 32nd pixel. */
async function writeGraph(name: string, activation: string, shard = 'weights.bin'): Promise<void> {
  const type = { type: 'DT_FLOAT' }
  const dims = (...sizes: number[]) => ({ shape: { dim: sizes.map((size) => ({ size: String(size) })) } })
  const list = (...values: number[]) => ({ list: { i: values.map(String) } })
  const weights = [
    { name: 'filter', shape: [1, 1, 3, CHANNELS], dtype: 'float32' },
    { name: 'bias', shape: [CHANNELS], dtype: 'float32' },
  ]
  const node = [
    { name: 'input', op: 'Placeholder', attr: { dtype: type, shape: dims(-1, 224, 224, 3) } },
    ...weights.map((weight) => ({ name: weight.name, op: 'Const', attr: { dtype: type } })),
    {
      name: 'convolved',
      op: 'Conv2D',
      input: ['input', 'filter'],
      attr: {
        strides: list(1, 32, 32, 1),
        dilations: list(1, 1, 1, 1),
        padding: { s: base64('SAME') },
        data_format: { s: base64('NHWC') },
      },
    },
    { name: 'summed', op: 'BiasAdd', input: ['convolved', 'bias'], attr: {} },
    { name: 'activated', op: activation, input: ['summed'], attr: {} },
    {
      name: 'pooled',
      op: 'AvgPool',
      input: ['activated'],
      attr: { ksize: list(1, 7, 7, 1), strides: list(1, 1, 1, 1), padding: { s: base64('VALID') } },
    },
    { name: 'output', op: 'Softmax', input: ['pooled'], attr: {} },
  ]
  const model = {
    format: 'graph-model',
    modelTopology: { node, versions: {} },
    weightsManifest: [{ paths: [shard], weights }],
  }
  await writeFile(join(folder, `${name}.json`), JSON.stringify(model))
  await writeFile(join(folder, 'weights.bin'), Buffer.from(Float32Array.of(...filter, ...bias).buffer))
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

function gridOf(scaled: (pixel: number) => number): number[] {
  const grid: number[] = []
  for (let image = 0; image < 2; image++)
    for (let y = 0; y < 224; y += 32)
      for (let x = 0; x < 224; x += 32)
        for (let channel = 0; channel < CHANNELS; channel++) {
          let sum = bias[channel]!
          for (let colour = 0; colour < 3; colour++)
            sum +=
              scaled(pixels[((image * 224 + y) * 224 + x) * 3 + colour]!) *
              filter[colour * CHANNELS + channel]!
          grid.push(Math.min(6, Math.max(0, sum)))
        }
  return grid
}

function expectClose(ours: Float32Array, theirs: readonly number[]): void {
  expect(ours.length).toBe(theirs.length)
  expect(Math.max(...theirs.map((value, i) => Math.abs(value - ours[i]!)))).toBeLessThan(1e-4)
}
