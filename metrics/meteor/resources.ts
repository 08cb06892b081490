import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { leftBehind } from '../../errors.js'
import { loadParaphrases } from './paraphrase-file.js'
import type { MeteorResources } from './sentence.js'
import { indexSynonyms } from './synonyms.js'

export interface MeteorOptions {
  /** Path of METEOR's `paraphrase-en.gz`; without it the paraphrase module is off. */
  readonly paraphrases?: string | undefined
}

/**
 * Loads METEOR's English data: function words and synonyms from this package, paraphrases from a file of the user's.
 *
 * @throws ShowtellError NOT_FOUND when a file cannot be opened, INVALID_DATA when it is damaged
 */
export async function loadMeteorResources(options: MeteorOptions = {}): Promise<MeteorResources> {
  const { paraphrases } = options
  const [functionWords, wordnet] = await Promise.all([
    ownFile('function-words.txt'),
    ownFile('wordnet.json.gz').then(promisify(gunzip)),
  ])
  return {
    functionWords: new Set(
      functionWords
        .toString('utf8')
        .split('\n')
        .filter((word) => word !== ''),
    ),
    synonyms: indexSynonyms(JSON.parse(wordnet.toString('utf8'))),
    ...(paraphrases === undefined ? {} : { paraphrases: await loadParaphrases(paraphrases) }),
  }
}

/** A file of `data/`. @throws ShowtellError NOT_FOUND where a bundler has left it behind. */
async function ownFile(name: string): Promise<Buffer> {
  const path = fileURLToPath(new URL(`data/${name}`, import.meta.url))
  return readFile(path).catch((cause) => {
    throw leftBehind(name, path, cause)
  })
}
