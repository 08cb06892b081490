import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type BundleContent, readBundle, rewriteConfidence } from '../decoder/bundle.js'
import { Decoder } from '../decoder/decoder.js'
import { drawnWeights, TINY_CONFIG, tinyConfig, VOCABULARY } from '../decoder/fixtures/captioners.js'
import { writeGraph } from '../encoder/fixtures/graph-model.js'
import { loadMobilenetGraph } from '../encoder/mobilenet-graph.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { writeKept } from './kept-bundle.js'

const folder = temporaryFolder('kept-bundle')
const at = (name: string): string => join(folder, name)
beforeAll(() => {
  vi.spyOn(process.stderr, 'write').mockReturnValue(true)
})
afterAll(() => void vi.restoreAllMocks())

it('keeps the calibration of a graph from elsewhere, not of one that expects other pixels', async () => {
  await mkdir(at('graph'))
  await writeGraph(at('graph/model.json'), { filter: new Float32Array(12), bias: new Float32Array(4) })
  const graph = await loadMobilenetGraph(at('graph/model.json'), 'cpu', [0, 1])
  await graph.dispose()
  const { confidence: _, ...stated } = TINY_CONFIG
  const decoder = tinyConfig(graph)
  const content = (source: string, inputRange: [number, number]): BundleContent => ({
    config: {
      ...stated,
      encoder: {
        name: 'mobilenet-graph',
        source,
        inputRange,
        grid: [...graph.grid],
        channels: graph.channels,
      },
      decoder,
    },
    vocabulary: VOCABULARY,
    encoderWeights: {},
    encoderFiles: graph.files,
    decoderWeights: drawnWeights(new Decoder(decoder), 1),
  })
  const calibrationAfter = async (...[source, range]: Parameters<typeof content>) => {
    await writeKept(at('bundle'), content(source, range), 'this run')
    return (await readBundle(at('bundle'))).config.confidence?.calibration
  }
  expect(await calibrationAfter('here', [0, 1])).toBeUndefined()
  await rewriteConfidence(at('bundle'), { weights: [0, 1, 2, 3], objects: {}, calibration: 'by the test' })
  expect(await calibrationAfter('elsewhere', [0, 1])).toBe('by the test')
  expect(await calibrationAfter('elsewhere', [-1, 1])).toBeUndefined()
})
