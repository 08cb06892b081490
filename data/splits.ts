import { expected, type ShowtellError } from '../errors.js'
import { type CaptionedImage, readCaptions } from './captions.js'

/** Photos of one style, to train on and to validate with. */
export interface TrainingSet {
  readonly style: string
  readonly train: readonly CaptionedImage[]
  readonly validation: readonly CaptionedImage[]
}

/**
 * Reads `style=captions`. To train on are the photos of `train` and `restval`, or where there are none those of no split;
 * to validate with those of `val` or `dev`, or where there are none some of those to train on, which are held out.
 * @throws ShowtellError as `readCaptions` does.
 */
export async function readTrainingSet(
  option: string,
  onProblem: (problem: ShowtellError) => void,
): Promise<TrainingSet> {
  const [style, path] = namedPath(option, 'style=file', '--data')
  const all = await readCaptions(path, { onProblem })
  const ofSplit = (name: string | undefined): CaptionedImage[] => all.filter(({ split }) => split === name)
  // Karpathy's COCO calls restval what of the photos of val is to be trained on.
  const train = [...ofSplit('train'), ...ofSplit('restval')]
  const [val, free] = [ofSplit('val'), ofSplit(undefined)]
  const validation = val.length > 0 ? val : ofSplit('dev')
  const pool = train.length > 0 ? train : free
  if (validation.length > 0) return { style, train: pool, validation }
  return { style, train: pool.filter((image) => !isHeldOut(image)), validation: pool.filter(isHeldOut) }
}

/** What `name=path` says. @param form how the option's help writes it. @throws ShowtellError INVALID_ARGUMENT. */
export function namedPath(given: string, form: string, option: string): [name: string, path: string] {
  const [, name, path] = /^([^=]+)=(.+)$/.exec(given) ?? []
  if (name === undefined || path === undefined) throw expected(form, option, given)
  return [name, path]
}

/**
 * Whether a photo of a set without any for validation is held out for validation: its number divides by 13, or, where
 * its id is no number, a hash of it (FNV-1a) does. The rule needs no list and stays the same when photos are added.
 */
export function isHeldOut(image: { readonly id: string }): boolean {
  if (/^\d+$/.test(image.id)) return BigInt(image.id) % 13n === 0n
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(image.id)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash % 13 === 0
}
