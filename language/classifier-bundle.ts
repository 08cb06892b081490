import { z } from 'zod'
import { Vocabulary } from '../data/vocabulary.js'
import { expected } from '../errors.js'
import { type LanguageBundle, readLanguageBundle, writeLanguageBundle } from './bundle.js'
import { Classifier, classifierConfigSchema } from './classifier.js'

const KIND = 'classifier'
const modelSchema = classifierConfigSchema.extend({
  vocabulary: z.unknown().transform((value) => Vocabulary.fromJSON(value)),
})

/** A classifier on disk, verified. */
export interface ClassifierBundle extends LanguageBundle<Classifier> {
  readonly vocabulary: Vocabulary
}

export async function writeClassifierBundle(
  path: string,
  content: Pick<ClassifierBundle, 'model' | 'vocabulary' | 'training'> & {
    readonly weights: Readonly<Record<string, Float32Array>>
  },
): Promise<void> {
  const { model, vocabulary, training, weights } = content
  const config = { ...model.config, vocabulary: vocabulary.toJSON() }
  await writeLanguageBundle(path, {
    kind: KIND,
    model: config,
    training,
    parameters: model.parameters,
    weights,
  })
}

/** @throws ShowtellError NOT_FOUND, INVALID_BUNDLE. */
export async function readClassifierBundle(place: string): Promise<ClassifierBundle> {
  const bundle = await readLanguageBundle(
    place,
    KIND,
    modelSchema,
    ({ vocabulary: _, ...config }) => new Classifier(config),
  )
  const { vocabulary, vocabularySize } = bundle.config
  if (vocabulary.size !== vocabularySize)
    throw expected(`${vocabularySize} tokens`, bundle.path, vocabulary.size, 'INVALID_BUNDLE')
  return { ...bundle, vocabulary }
}
