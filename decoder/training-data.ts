import type { Example } from '../data/batches.js'
import type { Vocabulary } from '../data/vocabulary.js'
import { expected } from '../errors.js'
import type { Decoder } from './decoder.js'
import type { PhotoFeatures } from './photo-features.js'
import { checkWordMemory } from './photo-words.js'
import type { TrainingConfig } from './recipe.js'

/** What a training learns from. */
export interface TrainingData {
  readonly train: readonly Example[]
  readonly validation: readonly Example[]
  readonly features: PhotoFeatures
}

/** @throws ShowtellError where a training cannot be of these, before anything is made. */
export function checkFits(
  decoder: Decoder,
  vocabulary: Vocabulary,
  data: TrainingData,
  recipe: TrainingConfig,
): void {
  const { config } = decoder
  const { source, regions, channels, teachers } = data.features
  if (regions !== config.regions || channels !== config.channels)
    throw expected(
      `features ${config.regions} × ${config.channels}`,
      source,
      [regions, channels],
      'INVALID_DATA',
    )
  if (config.vocabularySize !== vocabulary.size)
    throw expected(`${config.vocabularySize} words`, 'the vocabulary', vocabulary.size, 'INVALID_DATA')
  for (const part of ['train', 'validation'] as const)
    if (data[part].length === 0) throw expected('photos with captions', part, 0, 'INVALID_DATA')
  teachers?.checkVocabulary(vocabulary)
  if (teachers !== undefined && recipe.objective === 'cider')
    throw expected('cross-entropy, to learn from teachers,', 'objective', recipe.objective)
  checkWordMemory(decoder, recipe, 'photoWordsWeight')
}
