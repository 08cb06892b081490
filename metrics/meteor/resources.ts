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
  return unpacked(path, (chunks) => readParaphrases(chunks, path, used))
}

/**
 * Whether paraphrases can be opened and unpacked, by their beginning, before long work.
 * @throws ShowtellError as `loadMeteorResources`
 */
export async function checkParaphrases(path: string): Promise<void> {
  await unpacked(path, async (chunks) => {
    for await (const _ of chunks) return
  })
}

async function unpacked<T>(
  path: string,
  read: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  // Large pieces: each costs a change of threads.
  const file = createReadStream(path, { highWaterMark: 1 << 20 })
  // A thread unpacks the next pieces while this one reads those before.
  const room: ZlibOptions & TransformOptions = { chunkSize: 1 << 20, highWaterMark: 1 << 24 }
  const chunks = createGunzip(room)
  file.on('error', (error) => chunks.destroy(error))
  try {
    return await read(file.pipe(chunks))
  } catch (cause) {
    if (cause instanceof ShowtellError) throw cause
    const isOpen = (cause as NodeJS.ErrnoException).syscall === undefined
    const [code, what] = isOpen
      ? (['INVALID_DATA', 'a whole gzip file of paraphrases'] as const)
      : (['NOT_FOUND', 'paraphrases'] as const)
    throw new ShowtellError(code, `Expected ${what} at ${path}: ${messageOf(cause)}`, { where: path, cause })
  } finally {
    file.destroy()
  }
}

function dataFile(name: string): URL {
  return new URL(`data/${name}`, import.meta.url)
}
