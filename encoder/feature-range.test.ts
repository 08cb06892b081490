import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { encoderByName } from './encoders.js'
import type { FeatureExtractor } from './extractor.js'
import { featureRange } from './feature-range.js'

/** Its only feature is the brightness of the first pixel. */
const extractor: FeatureExtractor = {
  engine: 'none',
  features: async (pixels) => Float32Array.of(pixels[0]!),
  dispose: async () => undefined,
}

const folder = temporaryFolder('range')
beforeAll(async () => {
  for (const [name, grey] of [
    ['dark', 0],
    ['grey', 90],
    ['mild', 60],
  ] as const)
    await sharp({ create: { width: 8, height: 8, channels: 3, background: { r: grey, g: grey, b: grey } } })
      .png()
      .toFile(join(folder, `${name}.png`))
  await writeFile(join(folder, 'broken.png'), 'no picture')
})

describe('featureRange', () => {
  it('is the range of an encoder that has one', async () => {
    expect(await featureRange(encoderByName('mobilenet-v2'), extractor, folder, [])).toEqual([0, 6])
  })

  it('is a quarter above the largest feature of the photos that can be read', async () => {
    const files = ['broken.png', 'dark.png', 'grey.png', 'mild.png']
    expect(await featureRange(encoderByName('vgg16-conv5'), extractor, folder, files)).toEqual([0, 113])
  })

  it('needs a photo with features', async () => {
    await expect(
      featureRange(encoderByName('vgg16-fc7'), extractor, folder, ['broken.png', 'dark.png']),
    ).rejects.toMatchObject({ code: 'INVALID_DATA', where: folder })
  })
})
