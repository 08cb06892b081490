import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { loadCaptioner, shippedBundle } from './captioner.js'

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

async function captions(files: readonly string[], engine: 'onnx' | 'wasm') {
  const captioner = await loadCaptioner(shippedBundle(), { engine, threads: 1 })
  const texts: string[] = []
  const logProbs: number[] = []
  try {
    for (let from = 0; from < files.length; from += BATCH)
      for (const result of await captioner.caption(files.slice(from, from + BATCH), { beamSize: 3 })) {
        if (result instanceof Error) throw result
        texts.push(result.captions[0]!.text)
        logProbs.push(result.captions[0]!.logProb)
      }
  } finally {
    await captioner.close()
  }
  return { texts, logProbs }
}
