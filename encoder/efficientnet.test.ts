import { describe, expect, it } from 'vitest'
import { largestDifference } from '../engine/fixtures/values.js'
import { ShowtellError } from '../errors.js'
import { Random } from '../random.js'
import { efficientNetLite0, efficientNetLite2 } from './efficientnet.js'
import { type Array32, type ForeignWeights, parametersOf } from './encoder.js'
import { tensorFlowExtractor } from './extractor.js'

const PIXELS = 224 * 224 * 3

/** Repeats, kernel, expansion, inputs and outputs of the stages, as the checkpoints of efficientnet-lite-pytorch have them. */
const STAGES_LITE0 = [
  [1, 3, 1, 32, 16],
  [2, 3, 6, 16, 24],
  [2, 5, 6, 24, 40],
  [3, 3, 6, 40, 80],
  [3, 5, 6, 80, 112],
  [4, 5, 6, 112, 192],
  [1, 3, 6, 192, 320],
] as const
const STAGES_LITE2 = [
  [1, 3, 1, 32, 16],
  [3, 3, 6, 16, 24],
  [3, 5, 6, 24, 48],
  [4, 3, 6, 48, 88],
  [4, 5, 6, 88, 120],
  [5, 5, 6, 120, 208],
  [1, 3, 6, 208, 352],
] as const

describe.each([
  { encoder: efficientNetLite0, stages: STAGES_LITE0, blocks: 16 },
  { encoder: efficientNetLite2, stages: STAGES_LITE2, blocks: 21 },
])('$encoder.name', ({ encoder, stages, blocks }) => {
  const foreign = randomWeights(stages)
  const weights = encoder.importWeights(foreign)

  it('lists every weight in its blocks, the stem in the first and the head in the last', () => {
    expect(encoder.blocks).toHaveLength(blocks)
    expect(parametersOf(encoder.blocks).map(({ name, shape }) => [name, shape])).toEqual(
      Object.entries(weights).map(([name, { shape }]) => [name, shape]),
    )
  })

  it('gives a photo the features it has alone, within the range', async () => {
    const random = new Random('pixels')
    const pixels = Uint8Array.from({ length: 2 * PIXELS }, () => random.below(256))
    const extractor = await tensorFlowExtractor(encoder, weights, 'wasm')
    const both = await extractor.features(pixels, 2)
    const second = await extractor.features(pixels.subarray(PIXELS), 1)
    await extractor.dispose()
    expect(both).toHaveLength(2 * 49 * 1280)
    expect(encoder.range).toEqual([0, 6])
    expect(both.every((value) => value >= 0 && value <= 6)).toBe(true)
    expect(Math.max(...second)).toBeGreaterThan(1)
    expect(largestDifference(both.subarray(second.length), second)).toBeLessThan(1e-4)
  })

  it('names a weight that is missing', () => {
    const missing = new ShowtellError('INVALID_DATA', 'no _blocks.3._bn1.bias')
    expect(() =>
      encoder.importWeights((name) => {
        if (name === '_blocks.3._bn1.bias') throw missing
        return foreign(name)
      }),
    ).toThrow(missing)
  })
})

function randomWeights(stages: typeof STAGES_LITE0 | typeof STAGES_LITE2): ForeignWeights {
  const random = new Random('efficientnet')
  const weights = new Map<string, Array32>()
  const draw = (convolution: string, norm: string, shape: readonly number[]): void => {
    const length = shape.reduce((product, size) => product * size, 1)
    // Uniform of the variance 2 / inputs (He et al. 2015).
    const width = 2 * Math.sqrt((6 * shape[0]!) / length)
    const data = Float32Array.from({ length }, () => width * (random.uniform() - 0.5))
    weights.set(`${convolution}.weight`, { shape, data })
    for (const [part, value] of Object.entries({ weight: 1, bias: 0, running_mean: 0, running_var: 1 }))
      weights.set(`${norm}.${part}`, { shape: [shape[0]!], data: new Float32Array(shape[0]!).fill(value) })
  }
  draw('_conv_stem', '_bn0', [32, 3, 3, 3])
  let block = 0
  for (const [repeats, kernel, expansion, inputs, outputs] of stages)
    for (let repeat = 0; repeat < repeats; repeat++) {
      const at = `_blocks.${block++}`
      const entry = repeat === 0 ? inputs : outputs
      const inner = entry * expansion
      if (expansion > 1) draw(`${at}._expand_conv`, `${at}._bn0`, [inner, entry, 1, 1])
      draw(`${at}._depthwise_conv`, `${at}._bn1`, [inner, 1, kernel, kernel])
      draw(`${at}._project_conv`, `${at}._bn2`, [outputs, inner, 1, 1])
    }
  draw('_conv_head', '_bn1', [1280, stages.at(-1)![4], 1, 1])
  return (name) => weights.get(name)!
}
