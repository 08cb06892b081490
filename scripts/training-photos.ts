import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Example } from '../data/batches.js'
import type { CaptionedImage } from '../data/captions.js'
import type { FeatureStore } from '../data/feature-store.js'
import { checkApart, PhotoFolder } from '../data/photo-files.js'
import { alikeFinder, nameFinder } from '../data/photo-names.js'
import { type Parts, readParts } from '../data/splits.js'
import { tokenize, words } from '../data/tokenizer.js'
import { Vocabulary } from '../data/vocabulary.js'
import { viewKey } from '../encoder/view.js'
import { readJson } from '../engine/folder.js'
import { expected, ShowtellError } from '../errors.js'
import { leftOut } from './left-out.js'
import { namedPath } from './schema-options.js'
import { writeWhole } from './whole-file.js'

/** Photos of one style. */
export interface TrainingSet extends Parts<CaptionedImage> {
  readonly style: string
}

/** Reads what `--data style=file` names; what cannot be used is told. @throws ShowtellError as `readParts` does. */
export async function readTrainingSet(option: string): Promise<TrainingSet> {
  const [style, path] = namedPath(option, 'style=file', '--data')
  return { style, ...(await readParts(path, leftOut)) }
}

/** Photos of all styles to train on and to validate with. */
export interface TrainingSets {
  readonly styles: readonly string[]
  readonly train: readonly Example[]
  readonly validation: readonly Example[]
  /** How many photos of each style are trained on, for people. */
  readonly summary: string
}

/** What knows the photos: a feature store, or folders. */
export interface Photos {
  readonly path: string
  /** What it calls the photo that the captions of a style call `file`; undefined where it has none. */
  keyOf(file: string, style: string): string | undefined
  /** What it calls its photos of a style; for messages. */
  keys?(style: string): readonly string[]
  /** How many views of a photo it has, the photo as it is among them; 1 when absent. */
  viewsOf?(key: string): number
  /** Where the photos of a style lie; by one key two folders may know two photos. */
  folderOf?(style: string): PhotoFolder
}

/** The photos of a feature store, which knows them by their names in the folders that were prepared. */
export function storedPhotos(store: FeatureStore): Photos {
  return {
    path: store.path,
    keyOf: nameFinder(store.keysInOrder, store.path),
    keys: () => store.keysInOrder,
    viewsOf(key) {
      let views = 1
      while (store.has(viewKey(key, views))) views++
      return views
    },
  }
}

/** The photos of each style, from `style=folder`. */
export class PhotoFolders implements Photos {
  readonly folders: Readonly<Record<string, PhotoFolder>>

  constructor(images: readonly string[]) {
    const named = images.map((option) => namedPath(option, 'style=folder', '--images'))
    this.folders = Object.fromEntries(named.map(([style, path]) => [style, new PhotoFolder(path)]))
    const twice = named.find(([style, path]) => this.folders[style]!.path !== path)
    if (twice !== undefined) throw expected('one folder a style', '--images', `two of ${twice[0]}`)
  }

  get path(): string {
    return Object.values(this.folders)
      .map(({ path }) => path)
      .join(', ')
  }

  /** @throws ShowtellError INVALID_ARGUMENT for a style without one. */
  folderOf(style: string): PhotoFolder {
    const folder = this.folders[style]
    if (folder === undefined) throw expected(`a folder of the photos of ${style}`, '--images', this.path)
    return folder
  }

  keyOf(file: string, style: string): string | undefined {
    return this.folderOf(style).nameOf(file)
  }

  keys(style: string): readonly string[] {
    return this.folderOf(style).names
  }
}

/** A set with what its photos are called where they were looked for, each once. */
type FoundSet = TrainingSet & { readonly keys: ReadonlyMap<string, string | undefined> }

/**
 * Photos that are missing are told and left out, since `prepare` leaves out those that it cannot read; and those without a
 * caption that has words.
 * @throws ShowtellError INVALID_DATA where all of a style are missing, where a photo is to train on and held out, where
 *   none is to train on or to validate with, and as `readTrainingSet` does.
 */
export async function readSets(data: readonly string[], photos: Photos): Promise<TrainingSets> {
  const read = await Promise.all(data.map(readTrainingSet))
  const found = read.map((set): FoundSet => {
    const files = [...set.train, ...set.validation, ...set.test].map(({ file }) => file)
    return { ...set, keys: new Map(files.map((file) => [file, photos.keyOf(file, set.style)])) }
  })
  const sets = found.map((set) => {
    const used = [...set.train, ...set.validation].map(({ file }) => file)
    checkApart(used, (file) => set.keys.get(file), photos.path)
    const train = examplesOf(set.train, set, photos)
    const validation = examplesOf(set.validation, set, photos)
    const missing = used.filter((file) => set.keys.get(file) === undefined)
    if (missing.length > 0) {
      const problem = without(missing, set.style, photos)
      if (missing.length === used.length) throw problem
      leftOut(problem)
    }
    return { style: set.style, train, validation }
  })
  checkHeldOut(data, found, photos)
  const train = sets.flatMap((set) => set.train)
  const validation = sets.flatMap((set) => set.validation)
  if (train.length === 0) throw expected('photos to train on', data.join(' '), 'none', 'INVALID_DATA')
  // Of a dozen photos the rule of `isHeldOut` may hold out none.
  if (validation.length === 0)
    throw expected(
      'photos of split val, or more photos,',
      data.join(' '),
      `none to validate with beside ${train.length} to train on`,
      'INVALID_DATA',
    )
  return {
    // One of several files comes once, where it is last.
    styles: [...new Set(sets.map(({ style }) => style).reverse())].reverse(),
    train,
    validation,
    summary: sets.map(({ style, train }) => `${style}: ${train.length} photos`).join('; '),
  }
}

/** How many photos that are not there are named. */
const MOST_NAMED = 5

function without(missing: readonly string[], style: string, photos: Photos): ShowtellError {
  const alike = alikeFinder(photos.keys?.(style) ?? [])
  const named = missing.slice(0, MOST_NAMED).map((file) => {
    const there = alike(file)
    return there === undefined ? file : `${file} (there as ${there})`
  })
  const more = missing.length - named.length
  return expected(
    `every photo that has captions, also ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''},`,
    photos.path,
    `${missing.length} of ${style} less`,
    'INVALID_DATA',
  )
}

/** What a set holds out no set may train on, itself included. @param data names the sets, for messages. */
function checkHeldOut(data: readonly string[], sets: readonly FoundSet[], photos: Photos): void {
  const photoOf = (file: string, { keys, style }: FoundSet): string | undefined => {
    const key = keys.get(file)
    return key === undefined ? undefined : resolve(photos.folderOf?.(style).path ?? '', key)
  }
  const heldOut = new Map<string | undefined, string>()
  for (const [i, set] of sets.entries())
    for (const part of ['validation', 'test'] as const)
      for (const { file } of set[part]) heldOut.set(photoOf(file, set), `${part} of ${data[i]}`)
  // Of a photo that the place has not nothing is learnt.
  heldOut.delete(undefined)
  for (const [i, set] of sets.entries())
    for (const { file } of set.train) {
      const held = heldOut.get(photoOf(file, set))
      if (held !== undefined)
        throw expected(`photos to train on that are not in ${held}`, data[i]!, file, 'INVALID_DATA')
    }
}

function examplesOf(images: readonly CaptionedImage[], { keys, style }: FoundSet, photos: Photos): Example[] {
  return images.flatMap(({ file, captions }) => {
    const key = keys.get(file)
    if (key === undefined) return []
    // The tokenizer leaves nothing of some captions, "&nbsp;" for one.
    const said = captions.map((caption) => words(tokenize(caption))).filter(({ length }) => length > 0)
    if (said.length === 0) {
      leftOut(expected('a caption with words', `${file} of ${style}`, captions, 'INVALID_DATA'))
      return []
    }
    const views = photos.viewsOf?.(key) ?? 1
    return [
      {
        key,
        style,
        captions: said,
        // Without further views what is learnt from has the sum that it always had.
        ...(views === 1 ? {} : { views }),
      },
    ]
  })
}

/**
 * Puts a vocabulary on disk before the first step.
 * @param begun whether there is a training that goes on, which does so with the words it has.
 * @throws ShowtellError INVALID_DATA where that has others.
 */
export async function keepVocabulary(file: string, vocabulary: Vocabulary, begun: boolean): Promise<void> {
  if (!begun || !existsSync(file)) return writeWhole(file, JSON.stringify(vocabulary))
  const before = await readJson(file, (value) => Vocabulary.fromJSON(value), 'INVALID_DATA')
  if (JSON.stringify(before) === JSON.stringify(vocabulary)) return
  const problem = expected(
    `the ${before.wordCount} words of ${file}, as it was begun,`,
    '--data and --minimum-count',
    `${vocabulary.wordCount} that are not the same`,
    'INVALID_DATA',
  )
  throw new ShowtellError(problem.code, `${problem.message}; another --out begins anew`, problem)
}
