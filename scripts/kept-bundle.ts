import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { type Bundle, type BundleContent, readBundle, rewriteBundle, writeBundle } from '../decoder/bundle.js'
import { placeOf } from '../engine/folder.js'
import { toFloat16 } from '../engine/safetensors.js'
import { bundleFolder } from '../engine/shipped.js'
import { ShowtellError } from '../errors.js'

/**
 * Writes a bundle, and says so. What calibrate and card have put into one of the same weights, words and shape stays
 * there: only what else is said of it is written anew.
 * @param whose what it is made of, for people
 */
export async function writeKept(path: string, content: BundleContent, whose: string): Promise<void> {
  // A name alone could mean one that ships.
  const place = resolve(path)
  // One that is not there or is damaged is to be written.
  const there = await readBundle(place).catch(() => undefined)
  if (there === undefined || !isModelOf(content, there)) await writeBundle(place, content)
  else {
    const { version: _, files: __, confidence: ___, scores: ____, ...stated } = there.config
    if (isDeepStrictEqual(stated, plain(content.config))) {
      process.stderr.write(`${path} is of ${whose} and stays as it is\n`)
      return
    }
    await rewriteBundle(place, () => ({ terms: undefined, ...content.config }))
  }
  process.stderr.write(`wrote ${path}\n`)
}

/**
 * Refuses to write into a bundle that comes with the package: its name alone means the one that everybody uses. A path to
 * it, as in a clone, is meant.
 * @param place what `--bundle` is given
 * @throws ShowtellError INVALID_ARGUMENT.
 */
export async function checkOwn(place: string): Promise<void> {
  const folder = await bundleFolder(place)
  if (folder === (await placeOf(place))) return
  const where = '--bundle'
  throw new ShowtellError(
    'INVALID_ARGUMENT',
    `Expected a bundle of your own for ${where} but received "${place}", which comes with the package; copy ${folder} first`,
    { where },
  )
}

function isModelOf({ config, ...content }: BundleContent, { weights, ...bundle }: Bundle): boolean {
  const valuesOf = (name: string): Float32Array | undefined =>
    name.startsWith('decoder.')
      ? content.decoderWeights[name.slice('decoder.'.length)]
      : content.encoderWeights[name.slice('encoder.'.length)]?.data
  return (
    isDeepStrictEqual({ ...bundle.config.encoder, source: '' }, plain({ ...config.encoder, source: '' })) &&
    isDeepStrictEqual(bundle.config.decoder, plain(config.decoder)) &&
    isDeepStrictEqual(bundle.vocabulary.toJSON(), content.vocabulary.toJSON()) &&
    [...weights.entries.keys()].every((name) => {
      const values = valuesOf(name)
      return values !== undefined && Buffer.from(toFloat16(values).buffer).equals(weights.raw(name))
    })
  )
}

/** As it comes out of a file. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}
