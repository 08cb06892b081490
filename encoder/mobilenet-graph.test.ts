import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { GraphModel } from '@tensorflow/tfjs-converter'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { Random } from '../random.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { writeGraph } from './fixtures/graph-model.js'
import { loadMobilenetGraph } from './mobilenet-graph.js'

const CHANNELS = 4
const UNIT = [0, 1] as const
const random = new Random('mobilenet graph')
const filter = Float32Array.from({ length: 3 * CHANNELS }, () => 8 * random.normal())
const bias = Float32Array.from({ length: CHANNELS }, () => random.normal())
const pixels = Uint8Array.from({ length: 2 * 224 * 224 * 3 }, () => random.below(256))

const folder = temporaryFolder('graph')
beforeAll(async () => {
  await writeGraph(join(folder, 'relu6.json'), { filter, bias })
  await writeGraph(join(folder, 'relu.json'), { filter, bias }, { activation: 'Relu' })
})

describe('loadMobilenetGraph', () => {
  it('gives the grid that the pooling reads', async () => {
    const graph = await loadMobilenetGraph(join(folder, 'relu6.json'), 'cpu', UNIT)
    expect(graph).toMatchObject({ imageSize: 224, grid: [7, 7], channels: CHANNELS, range: [0, 6] })
    expectClose(
      await graph.features(pixels, 2),
      gridOf((pixel) => pixel / 255),
    )
    await graph.dispose()
  })

  it('scales pixels to the range the graph expects', async () => {
    const graph = await loadMobilenetGraph(join(folder, 'relu6.json'), 'cpu', [-1, 1])
    expectClose(
      await graph.features(pixels, 2),
      gridOf((pixel) => pixel / 127.5 - 1),
    )
    await graph.dispose()
  })

  it('reads file and http URLs', async () => {
    const server = createServer(async (request, response) => {
      response.end(await readFile(join(folder, request.url!)).catch(() => undefined))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const urls = [pathToFileURL(join(folder, 'relu6.json')).href, `http://127.0.0.1:${port}/relu6.json`]
    for (const url of urls) {
      const graph = await loadMobilenetGraph(url, 'cpu', UNIT)
      expectClose(
        await graph.features(pixels, 2),
        gridOf((pixel) => pixel / 255),
      )
      await graph.dispose()
    }
    server.close()
  })

  it('is known by what decides its features', async () => {
    const sums = new Set<string>()
    const load = async (path: string, range: readonly [number, number]): Promise<string> => {
      const graph = await loadMobilenetGraph(path, 'cpu', range)
      await graph.dispose()
      sums.add(graph.sha256)
      return graph.sha256
    }
    const path = join(folder, 'relu6.json')
    expect(await load(path, UNIT)).toBe(await load(path, UNIT))
    await load(path, [-1, 1])
    const other = temporaryFolder('other', onTestFinished)
    await writeGraph(join(other, 'relu6.json'), { filter, bias: bias.map((value) => value + 1) })
    await load(join(other, 'relu6.json'), UNIT)
    expect(sums.size).toBe(3)
  })

  it('looks at many photos a few at a time', async () => {
    const graph = await loadMobilenetGraph(join(folder, 'relu6.json'), 'cpu', UNIT)
    const seen = vi.spyOn(GraphModel.prototype, 'execute')
    const photos = Array.from({ length: 3 }, () => [...pixels]).flat()
    const features = await graph.features(Uint8Array.from(photos), 6)
    const given = seen.mock.calls.map(([input]) => (input as tf.Tensor).shape[0])
    seen.mockRestore()
    expect(given).toEqual([4, 2])
    const two = await graph.features(pixels, 2)
    expect([...features]).toEqual([...two, ...two, ...two])
    await graph.dispose()
  })

  it('leaves no tensor behind', async () => {
    const before = tf.memory().numTensors
    const graph = await loadMobilenetGraph(join(folder, 'relu6.json'), 'cpu', UNIT)
    await graph.features(pixels, 2)
    await graph.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  it('names the file that is missing or is no such graph', async () => {
    await expect(loadMobilenetGraph(join(folder, 'none.json'), 'cpu', UNIT)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      where: join(folder, 'none.json'),
    })
    await expect(loadMobilenetGraph(join(folder, 'relu.json'), 'cpu', UNIT)).rejects.toThrow(
      `Expected a pooling behind a relu6 for ${join(folder, 'relu.json')} but received "pooled"`,
    )
    await writeFile(join(folder, 'text.json'), 'no graph')
    await expect(loadMobilenetGraph(join(folder, 'text.json'), 'cpu', UNIT)).rejects.toMatchObject({
      code: 'INVALID_DATA',
    })
    await writeGraph(join(folder, 'alone.json'), { filter, bias }, { shard: 'missing.bin' })
    await expect(loadMobilenetGraph(join(folder, 'alone.json'), 'cpu', UNIT)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      where: join(folder, 'missing.bin'),
    })
  })

  it('takes no shard from elsewhere', async () => {
    await writeGraph(join(folder, 'away.json'), { filter, bias }, { shard: '../weights.bin' })
    await expect(loadMobilenetGraph(join(folder, 'away.json'), 'cpu', UNIT)).rejects.toThrow(
      'not the name of a file beside it',
    )
  })

  it('refuses pixels of another size', async () => {
    const graph = await loadMobilenetGraph(join(folder, 'relu6.json'), 'cpu', UNIT)
    await expect(graph.features(pixels, 1)).rejects.toThrow('pixels of 1 images of 224 × 224')
    await graph.dispose()
  })
})

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
