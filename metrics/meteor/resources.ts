import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { TransformOptions } from 'node:stream'
import { promisify } from 'node:util'
import { createGunzip, gunzip, type ZlibOptions } from 'node:zlib'
import { messageOf, ShowtellError } from '../../errors.js'
import { type Paraphrases, readParaphrases } from './paraphrases.js'
import { UsedPhrases } from './phrases.js'
import type { MeteorResources } from './sentence.js'
import { indexSynonyms } from './synonyms.js'

export interface MeteorOptions {
  /** Path of METEOR's `paraphrase-en.gz`; without it the paraphrase module is off. */
  readonly paraphrases?: string
  /** All captions that will be scored, as tokens; of the paraphrases only what these can use is kept then. */
  readonly captions?: Iterable<readonly string[]>
}

/**
 * Loads METEOR's English data: function words and synonyms from this package, paraphrases from a file of the user's.
 *
 * @throws ShowtellError NOT_FOUND when a file cannot be opened, INVALID_DATA when it is damaged
 */
export async function loadMeteorResources(options: MeteorOptions = {}): Promise<MeteorResources> {
  const { paraphrases, captions } = options
  const [functionWords, wordnet] = await Promise.all([
    readFile(dataFile('function-words.txt'), 'utf8'),
    readFile(dataFile('wordnet.json.gz')).then(promisify(gunzip)),
  ])
  return {
    functionWords: new Set(functionWords.split('\n').filter((word) => word !== '')),
    synonyms: indexSynonyms(JSON.parse(wordnet.toString('utf8'))),
    ...(paraphrases === undefined ? {} : { paraphrases: await loadParaphrases(paraphrases, captions) }),
  }
}

/**
 * Reads METEOR's `paraphrase-en.gz`: all of it, or what captions can use.
 * @throws ShowtellError as `loadMeteorResources`
 */
export async function loadParaphrases(
  path: string,
  captions?: MeteorOptions['captions'],
): Promise<Paraphrases> {
  const used = captions && new UsedPhrases(captions)
  // Large pieces: each costs a change of threads.
  const file = createReadStream(path, { highWaterMark: 1 << 20 })
  // A thread unpacks the next pieces while this one reads those before.
  const room: ZlibOptions & TransformOptions = { chunkSize: 1 << 20, highWaterMark: 1 << 24 }
  const unpacked = createGunzip(room)
  file.on('error', (error) => unpacked.destroy(error))
  try {
    return await readParaphrases(file.pipe(unpacked), path, used)
  } catch (cause) {
    if (cause instanceof ShowtellError) throw cause
    const code = (cause as NodeJS.ErrnoException).syscall === undefined ? 'INVALID_DATA' : 'NOT_FOUND'
    throw new ShowtellError(code, `Cannot read the paraphrases in ${path}: ${messageOf(cause)}`, {
      where: path,
      cause,
    })
  } finally {
    file.destroy()
  }
}

function dataFile(name: string): URL {
  return new URL(`data/${name}`, import.meta.url)
}
