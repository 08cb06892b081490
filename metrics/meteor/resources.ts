import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { TransformOptions } from 'node:stream'
import { promisify } from 'node:util'
import { createGunzip, gunzip, type ZlibOptions } from 'node:zlib'
import { messageOf, ShowtellError } from '../../errors.js'
import { type Paraphrases, readParaphrases } from './paraphrases.js'
import type { MeteorResources } from './sentence.js'
import { indexSynonyms } from './synonyms.js'

/**
 * Loads METEOR's English data: function words and synonyms from this package, paraphrases from a file of the user's.
 *
 * @param options.paraphrases path of METEOR's `paraphrase-en.gz`; without it the paraphrase module is off
 * @throws ShowtellError NOT_FOUND when a file cannot be opened, INVALID_DATA when it is damaged
 */
export async function loadMeteorResources(options: { paraphrases?: string } = {}): Promise<MeteorResources> {
  const [functionWords, wordnet] = await Promise.all([
    readFile(dataFile('function-words.txt'), 'utf8'),
    readFile(dataFile('wordnet.json.gz')).then(promisify(gunzip)),
  ])
  return {
    functionWords: new Set(functionWords.split('\n').filter((word) => word !== '')),
    synonyms: indexSynonyms(JSON.parse(wordnet.toString('utf8'))),
    ...(options.paraphrases === undefined ? {} : { paraphrases: await loadParaphrases(options.paraphrases) }),
  }
}

async function loadParaphrases(path: string): Promise<Paraphrases> {
  const file = createReadStream(path)
  // A thread unpacks the next pieces while this one reads those before.
  const room: ZlibOptions & TransformOptions = { chunkSize: 1 << 20, highWaterMark: 1 << 24 }
  const unpacked = createGunzip(room)
  file.on('error', (error) => unpacked.destroy(error))
  try {
    return await readParaphrases(file.pipe(unpacked), path)
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
