import type { CaptionedImage } from '../data/captions.js'
import { type Parts, readParts } from '../data/splits.js'
import { expected } from '../errors.js'
import { leftOut } from './left-out.js'

/** What `name=path` says. @param form how the option's help writes it. @throws ShowtellError INVALID_ARGUMENT. */
export function namedPath(given: string, form: string, option: string): [name: string, path: string] {
  const [, name, path] = /^([^=]+)=(.+)$/.exec(given) ?? []
  if (name === undefined || path === undefined) throw expected(form, option, given)
  return [name, path]
}

/** Photos of one style. */
export interface TrainingSet extends Parts<CaptionedImage> {
  readonly style: string
}

/** Reads what `--data style=file` names; what cannot be used is told. @throws ShowtellError as `readParts` does. */
export async function readTrainingSet(option: string): Promise<TrainingSet> {
  const [style, path] = namedPath(option, 'style=file', '--data')
  return { style, ...(await readParts(path, leftOut)) }
}
