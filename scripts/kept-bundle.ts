import { isDeepStrictEqual } from 'node:util'
import { type BundleContent, readBundle } from '../decoder/bundle.js'
import { toFloat16 } from '../engine/safetensors.js'

/** Whether a bundle is what the content would make, but for what calibrate and card have put into it since. */
export async function isBundleOf(content: BundleContent, path: string): Promise<boolean> {
  // One that is not there or is damaged is to be written.
  const bundle = await readBundle(path).catch(() => undefined)
  if (bundle === undefined) return false
  const { version: _, files: __, confidence: ___, scores: ____, ...config } = bundle.config
  const { weights } = bundle
  const valuesOf = (name: string): Float32Array | undefined =>
    name.startsWith('decoder.')
      ? content.decoderWeights[name.slice('decoder.'.length)]
      : content.encoderWeights[name.slice('encoder.'.length)]?.data
  return (
    isDeepStrictEqual(config, JSON.parse(JSON.stringify(content.config))) &&
    isDeepStrictEqual(bundle.vocabulary.toJSON(), content.vocabulary.toJSON()) &&
    [...weights.entries.keys()].every((name) => {
      const values = valuesOf(name)
      return values !== undefined && Buffer.from(toFloat16(values).buffer).equals(weights.raw(name))
    })
  )
}
