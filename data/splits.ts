import { expected, type ShowtellError } from '../errors.js'
import { type CaptionedImage, readCaptions } from './captions.js'

/** What of a data set is to train on, to validate with and, of `test`, to be kept apart. */
export interface Parts<T> {
  readonly train: readonly T[]
  readonly validation: readonly T[]
  readonly test: readonly T[]
}

/** The splits that `partsOf` knows. Karpathy's COCO calls restval what of the photos of val is to be trained on. */
export const SPLITS = ['train', 'restval', 'val', 'validation', 'dev', 'test'] as const

/**
 * To train on is what is of `train` and `restval`, or where there is none what is of no split; to validate with what is
 * of `val`, `validation` and `dev`, or where there is none some of what there is to train on, by `isHeldOut` of its id.
 */
export function partsOf<T extends { readonly id: string; readonly split?: string | undefined }>(
  all: readonly T[],
): Parts<T> {
  const ofSplit = (name: (typeof SPLITS)[number] | undefined): T[] =>
    all.filter(({ split }) => split === name)
  const train = [...ofSplit('train'), ...ofSplit('restval')]
  const [free, test] = [ofSplit(undefined), ofSplit('test')]
  const validation = [...ofSplit('val'), ...ofSplit('validation'), ...ofSplit('dev')]
  const pool = train.length > 0 ? train : free
  if (validation.length > 0) return { train: pool, validation, test }
  return { train: pool.filter((one) => !isHeldOut(one)), validation: pool.filter(isHeldOut), test }
}

/**
 * Tells how many of no split are left out because others are marked to be trained on.
 * @param what one of them is
 */
export function tellUnmarked<T extends { readonly split?: string | undefined }>(
  all: readonly T[],
  { train, validation }: Parts<T>,
  what: string,
  where: string,
  onProblem: (problem: ShowtellError) => void,
): void {
  const used = new Set([...train, ...validation])
  const unmarked = all.filter((one) => one.split === undefined && !used.has(one)).length
  if (unmarked > 0)
    onProblem(expected(`a split of each ${what}`, where, `${unmarked} ${what}s without one`, 'INVALID_DATA'))
}

/**
 * Reads the captions of a file, parted as `partsOf` does.
 * @param onProblem hears of what cannot be used, also of how many photos of no split stand beside photos to train on.
 * @throws ShowtellError INVALID_DATA naming the splits that are not known, and as `readCaptions` does.
 */
export async function readParts(
  path: string,
  onProblem: (problem: ShowtellError) => void,
): Promise<Parts<CaptionedImage>> {
  const all = await readCaptions(path, { onProblem })
  checkSplits(all, path)
  const parts = partsOf(all)
  tellUnmarked(all, parts, 'photo', path, onProblem)
  return parts
}

function checkSplits(images: readonly CaptionedImage[], path: string): void {
  const known: readonly string[] = SPLITS
  const photos = new Map<string, number>()
  for (const { split } of images)
    if (split !== undefined && !known.includes(split)) photos.set(split, (photos.get(split) ?? 0) + 1)
  if (photos.size === 0) return
  const unknown = [...photos].map(([split, count]) => `${count} of ${split}`).join(', ')
  throw expected(`photos of ${SPLITS.join(', ')} or no split`, path, unknown, 'INVALID_DATA')
}

/**
 * Whether a photo or text of a set without any for validation is held out for validation: its number divides by 13, or,
 * where its id is no number, a hash of it (FNV-1a) does. The rule needs no list and stays the same when more are added.
 */
export function isHeldOut({ id }: { readonly id: string }): boolean {
  if (/^\d+$/.test(id)) return BigInt(id) % 13n === 0n
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(id)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash % 13 === 0
}
