import { resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS, type Backend } from '../engine/backends.js'
import { readSafetensors, type SafetensorsFile } from '../engine/safetensors.js'
import { useBackend } from '../engine/use-backend.js'
import { efficientNetLite0, efficientNetLite2 } from './efficientnet.js'
import { type Array32, type Encoder, regionsOf } from './encoder.js'
import { type FeatureExtractor, onnxExtractor, tensorFlowExtractor } from './extractor.js'
import { mobileNetV2 } from './mobilenet-v2.js'
import { vgg16Conv5 } from './vgg.js'

const SHARED = resolve(process.env.SHOWTELL_SHARED ?? '../shared')
/** Of the largest value. */
const TOLERANCE = 1e-3
/** Native only where its binding was built; `cpu` runs the same kernels slower and adds nothing here. */
const engines: ('onnx' | Backend)[] = ['onnx']
for (const backend of BACKENDS.filter((name) => name !== 'cpu'))
  if (backend === 'wasm' || (await loads(backend))) engines.push(backend)

describe.each(engines)('encoders on %s', (engine) => {
  const open = (encoder: Encoder, weights: Readonly<Record<string, Array32>>): Promise<FeatureExtractor> =>
    engine === 'onnx' ? onnxExtractor(encoder, weights) : tensorFlowExtractor(encoder, weights, engine)

  describe.each([efficientNetLite0, efficientNetLite2])('$name', (encoder) => {
    let weights: SafetensorsFile
    let reference: SafetensorsFile
    let extractor: FeatureExtractor
    let features: Float32Array

    beforeAll(async () => {
      weights = await readSafetensors(`${SHARED}/encoders/${encoder.name}.safetensors`)
      reference = await readSafetensors(`${SHARED}/encoders/reference.safetensors`)
      const imported = encoder.importWeights((name) => weights.float32(name))
      extractor = await open(encoder, imported)
      features = await extractor.features(reference.raw('pixels'), 6)
    })
    afterAll(() => extractor.dispose())

    it('has the features of efficientnet-lite-pytorch', () => {
      report(`${encoder.name} ${engine}`, features, reference.float32(`${encoder.name}.features`).data)
    })

    it('sees the same thing in each photo', () => {
      const filter = weights.float32(encoder.classifier!)
      const bias = weights.float32('_fc.bias')
      const logits = reference.float32(`${encoder.name}.logits`).data
      for (let photo = 0; photo < 6; photo++) {
        const ours = classify(encoder, features, photo, filter.data, bias.data)
        expect(largestAt(ours)).toBe(largestAt(logits.subarray(photo * 1000, (photo + 1) * 1000)))
      }
    })

    it('stays within its range', () => {
      expect(encoder.range).toEqual([0, 6])
      expect(features.every((value) => value >= 0 && value <= 6)).toBe(true)
    })
  })

  it.each([
    ['mobilenet-v2-035', mobileNetV2('mobilenet-v2-035', 0.35)],
    ['vgg16-eighth', vgg16Conv5('vgg16-eighth', { base: 8, connected: 512 })],
  ])('%s has the features of torchvision', async (name, encoder) => {
    const file = await readSafetensors(`${SHARED}/fixtures/${name}.safetensors`)
    const imported = encoder.importWeights((weight) => file.float32(weight))
    const extractor = await open(encoder, imported)
    const features = await extractor.features(file.raw('reference.pixels'), 2)
    await extractor.dispose()
    report(`${name} ${engine}`, features, file.float32('reference.features').data)
  })
})

async function loads(backend: Backend): Promise<boolean> {
  try {
    await useBackend(backend)
    return true
  } catch {
    return false
  }
}

/** Holds the largest difference below the tolerance, and prints it. */
function report(what: string, ours: Float32Array, theirs: Float32Array): void {
  expect(ours.length).toBe(theirs.length)
  let difference = 0
  let largest = 0
  theirs.forEach((value, i) => {
    difference = Math.max(difference, Math.abs(value - ours[i]!))
    largest = Math.max(largest, Math.abs(value))
  })
  process.stdout.write(
    `${what}: largest difference ${difference.toExponential(1)} of a largest value of ${largest.toFixed(3)}\n`,
  )
  expect(largest).toBeGreaterThan(0)
  expect(difference).toBeLessThan(TOLERANCE * largest)
}

function classify(
  encoder: Encoder,
  features: Float32Array,
  photo: number,
  weight: Float32Array,
  bias: Float32Array,
): Float32Array {
  const regions = regionsOf(encoder)
  const { channels } = encoder
  const mean = new Float32Array(channels)
  for (let region = 0; region < regions; region++)
    for (let c = 0; c < channels; c++)
      mean[c] = mean[c]! + features[(photo * regions + region) * channels + c]! / regions
  return bias.map((b, k) => mean.reduce((sum, value, c) => sum + value * weight[k * channels + c]!, b))
}

function largestAt(values: Float32Array): number {
  return values.indexOf(Math.max(...values))
}
