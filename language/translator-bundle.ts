import { z } from 'zod'
import { expected } from '../errors.js'
import { type LanguageBundle, readLanguageBundle, writeLanguageBundle } from './bundle.js'
import { Characters, charactersSchema } from './characters.js'
import type { Alphabets } from './translation.js'
import { SOURCE_SPECIALS, TARGET_SPECIALS } from './translation.js'
import { Translator, translatorConfigSchema } from './translator.js'

const KIND = 'translator'

const modelSchema = translatorConfigSchema.extend({
  characters: z.strictObject({ source: charactersSchema, target: charactersSchema }),
  /** Most characters of a target. */
  maxLength: z.int().min(1),
  /** What it learnt from: dates made on the fly, or pairs of a file. */
  data: z.enum(['dates', 'pairs']),
})

/** A translator on disk, verified. */
export interface TranslatorBundle extends LanguageBundle<Translator> {
  readonly alphabets: Alphabets
  readonly maxLength: number
  readonly data: 'dates' | 'pairs'
}

export async function writeTranslatorBundle(
  path: string,
  content: Pick<TranslatorBundle, 'model' | 'alphabets' | 'maxLength' | 'data' | 'training'> & {
    readonly weights: Readonly<Record<string, Float32Array>>
  },
): Promise<void> {
  const { model, alphabets, maxLength, data, training, weights } = content
  const characters = { source: alphabets.source.list, target: alphabets.target.list }
  await writeLanguageBundle(path, {
    kind: KIND,
    model: { ...model.config, characters, maxLength, data },
    training,
    parameters: model.parameters,
    weights,
  })
}

/** @throws ShowtellError NOT_FOUND, INVALID_BUNDLE. */
export async function readTranslatorBundle(place: string): Promise<TranslatorBundle> {
  const bundle = await readLanguageBundle(
    place,
    KIND,
    modelSchema,
    ({ characters: _, maxLength: _most, data: _data, ...config }) => new Translator(config),
  )
  const { characters, maxLength, data, sources, targets } = bundle.config
  const alphabets = {
    source: new Characters(characters.source, SOURCE_SPECIALS),
    target: new Characters(characters.target, TARGET_SPECIALS),
  }
  const sizes = [alphabets.source.size, alphabets.target.size]
  if (sizes[0] !== sources || sizes[1] !== targets)
    throw expected(`${sources} and ${targets} characters`, bundle.path, sizes, 'INVALID_BUNDLE')
  return { ...bundle, alphabets, maxLength, data }
}
