import { Random } from '../random.js'

/** What of a photo is looked at, to train on more than the photos as they are. */
export interface View {
  /** The part that is cut out, as shares of width and height. */
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  /** Left and right change places. */
  readonly mirrored: boolean
}

/** Smallest share of each side that a view keeps: what a caption names shall still be seen. */
const LEAST = 0.75

/**
 * View `number` of a photo: 0 is the photo as it is (undefined), 1 mirrored, then cuts at random places, every other
 * one mirrored. A pure function of its arguments.
 */
export function viewOf(file: string, number: number): View | undefined {
  if (number === 0) return undefined
  const mirrored = number % 2 === 1
  if (number === 1) return { left: 0, top: 0, width: 1, height: 1, mirrored }
  const random = new Random(number, 'view', file)
  const width = LEAST + (1 - LEAST) * random.uniform()
  const height = LEAST + (1 - LEAST) * random.uniform()
  return {
    left: (1 - width) * random.uniform(),
    top: (1 - height) * random.uniform(),
    width,
    height,
    mirrored,
  }
}

/** The name of a view in a feature store. */
export function viewKey(file: string, number: number): string {
  return number === 0 ? file : `${file}#${number}`
}
