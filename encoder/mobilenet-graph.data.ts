import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type GraphModel, loadGraphModel } from '@tensorflow/tfjs-converter'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readSafetensors } from '../engine/safetensors.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { fetchGraph } from './fixtures/nsfwjs.js'
import { loadMobilenetGraph, type MobilenetGraph } from './mobilenet-graph.js'

const SHARED = resolve(process.env.SHOWTELL_SHARED ?? '../shared')
const NETWORK =
  'StatefulPartitionedCall/sequential/keras_layer/StatefulPartitionedCall/StatefulPartitionedCall/StatefulPartitionedCall/predict/MobilenetV2'

describe('a real MobileNetV2 as a graph model', () => {
  const folder = temporaryFolder('nsfwjs')
  let direct: GraphModel
  let graph: MobilenetGraph
  let pixels: Uint8Array
  let features: Float32Array

  beforeAll(async () => {
    graph = await loadMobilenetGraph(await fetchGraph(folder), 'wasm', [0, 1])
    pixels = (await readSafetensors(`${SHARED}/encoders/reference.safetensors`)).raw('pixels')
    features = await graph.features(pixels, 6)
    direct = await loadGraphModel({ load: () => artifactsOf(join(folder, 'model')) })
  })
  afterAll(async () => {
    await graph.dispose()
    direct.dispose()
  })

  it('gives the grid of its graph executed directly', () => {
    expect(graph).toMatchObject({ imageSize: 224, grid: [7, 7], channels: 1792, range: [0, 6] })
    expect(largestDifference(`${NETWORK}/Conv_1/Relu6`, features)).toBeLessThan(1e-4)
    expect(Math.min(...maxima(features))).toBeGreaterThan(0)
  })

  it('has the pooled features as the mean of the grid', () => {
    const pooled = new Float32Array(6 * 1792)
    features.forEach((value, i) => {
      const at = Math.floor(i / (49 * 1792)) * 1792 + (i % 1792)
      pooled[at] = pooled[at]! + value / 49
    })
    expect(largestDifference(`${NETWORK}/Logits/AvgPool`, pooled)).toBeLessThan(1e-4)
  })

  function largestDifference(node: string, ours: Float32Array): number {
    const output = tf.tidy(
      () => direct.execute(tf.div(tf.tensor(pixels, [6, 224, 224, 3], 'float32'), 255), node) as tf.Tensor,
    )
    const theirs = output.dataSync() as Float32Array
    output.dispose()
    expect(ours.length).toBe(theirs.length)
    const difference = theirs.reduce((most, value, i) => Math.max(most, Math.abs(value - ours[i]!)), 0)
    process.stdout.write(
      `${node.slice(NETWORK.length + 1)}: largest difference ${difference.toExponential(1)}\n`,
    )
    return difference
  }
})

function maxima(features: Float32Array): number[] {
  const length = features.length / 6
  return Array.from({ length: 6 }, (_, photo) =>
    features.subarray(photo * length, (photo + 1) * length).reduce((a, b) => Math.max(a, b)),
  )
}

async function artifactsOf(folder: string): Promise<tf.io.ModelArtifacts> {
  const { modelTopology, weightsManifest } = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8'))
  const [{ paths, weights }] = weightsManifest
  const shards: Buffer[] = await Promise.all(paths.map((path: string) => readFile(join(folder, path))))
  const whole = Uint8Array.from(Buffer.concat(shards))
  return { modelTopology, weightSpecs: weights, weightData: whole.buffer }
}
