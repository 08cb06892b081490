import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { inBatches } from '../data/batches.js'
import { shippedBundle } from '../engine/shipped.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { DECODER_GRAPH, ENCODER_GRAPH } from './bundle.js'
import { loadCaptioner } from './captioner.js'
import { looseBundle, tinyConfig } from './fixtures/captioners.js'
import { smallEncoder } from './fixtures/encoders.js'
import { EVERY_VARIANT } from './fixtures/tiny.js'

const SHARED = resolve(process.env.SHOWTELL_SHARED ?? '../shared')
const PHOTOS = 200
const BATCH = 16

it('gives 200 photos the same captions of the shipped bundle in onnxruntime and in wasm', async () => {
  const folder = join(SHARED, 'datasets/coco-subset/photos')
  const files = (await readdir(folder))
    .filter((file) => file.endsWith('.jpg'))
    .sort()
    .slice(0, PHOTOS)
    .map((file) => join(folder, file))
  expect(files).toHaveLength(PHOTOS)
  const [ours, theirs] = await Promise.all(
    ['onnx', 'wasm'].map((engine) => captions(files, engine as 'onnx')),
  )
  // Numbers, so that no caption ends up in a report.
  const different = files.filter((_, i) => ours!.texts[i] !== theirs!.texts[i])
  expect(different).toEqual([])
  const apart = ours!.logProbs.map((logProb, i) => Math.abs(logProb - theirs!.logProbs[i]!))
  expect(Math.max(...apart)).toBeLessThan(1e-3)
})

it('exports every cell, attention, number of layers and connection as graphs that the ONNX checker accepts', async () => {
  const folder = temporaryFolder('variants', onTestFinished)
  const { encoder, weights } = smallEncoder()
  const graphs: string[] = []
  for (const [i, variant] of EVERY_VARIANT.entries()) {
    const path = join(folder, String(i))
    await looseBundle(path, encoder, weights, tinyConfig(encoder, variant))
    graphs.push(join(path, ENCODER_GRAPH), join(path, DECODER_GRAPH))
  }
  const check =
    'import sys, onnx\nfor graph in sys.argv[1:]: onnx.checker.check_model(graph, full_check=True)'
  await promisify(execFile)(process.env.SHOWTELL_PYTHON ?? 'python3', ['-c', check, ...graphs])
})

async function captions(files: readonly string[], engine: 'onnx' | 'wasm') {
  const captioner = await loadCaptioner(shippedBundle(), { engine, threads: 1 })
  const texts: string[] = []
  const logProbs: number[] = []
  try {
    for (const part of inBatches(files, BATCH))
      for (const result of await captioner.caption(part, { beamSize: 3 })) {
        if (result instanceof Error) throw result
        texts.push(result.captions[0]!.text)
        logProbs.push(result.captions[0]!.logProb)
      }
  } finally {
    await captioner.close()
  }
  return { texts, logProbs }
}
