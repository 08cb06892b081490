import { expected } from '../errors.js'
import { share } from './scores.js'

/** Captions of about the same confidence. */
export interface ConfidenceBin {
  readonly captions: number
  /** Mean of their confidences. */
  readonly confidence: number
  /** Share of them that are right. */
  readonly right: number
}

/** How far confidences can be taken at their word. */
export interface Calibration {
  readonly captions: number
  /** Share of the captions that are right: every object that they name stands in some reference. */
  readonly right: number
  /** Expected calibration error over ten equal bins (Guo et al. 2017, section 2). */
  readonly error: number
  /** The error that is expected of confidences without fault, as few captions are never right just as often. */
  readonly chance: number
  /** Area under the ROC curve: how often a right caption has more confidence than a wrong one; ½ where all are right, or none. */
  readonly auroc: number
  /** From confidence 0 to 1 by tenths. */
  readonly bins: readonly ConfidenceBin[]
}

const BINS = 10

/**
 * @param confidences 0 to 1, one a caption
 * @param right whether each caption is right
 * @throws ShowtellError INVALID_ARGUMENT
 */
export function scoreConfidence(confidences: readonly number[], right: readonly boolean[]): Calibration {
  const captions = confidences.length
  if (right.length !== captions) throw expected(`${captions} values, one a caption,`, 'right', right.length)
  const wrong = confidences.find((value) => !(value >= 0 && value <= 1))
  if (wrong !== undefined) throw expected('numbers from 0 to 1', 'confidences', wrong)
  const members = Array.from({ length: BINS }, (): number[] => [])
  for (const [i, value] of confidences.entries())
    members[Math.min(BINS - 1, Math.floor(value * BINS))]!.push(i)
  const total = (of: readonly number[], value: (i: number) => number): number =>
    of.reduce((sum, i) => sum + value(i), 0)
  const said = (i: number): number => confidences[i]!
  const isRight = (i: number): number => (right[i] ? 1 : 0)
  const overAll = (off: (bin: readonly number[]) => number): number =>
    share(
      total([...members.keys()], (bin) => off(members[bin]!)),
      captions,
    )
  return {
    captions,
    right: share(total([...right.keys()], isRight), captions),
    error: overAll((bin) => Math.abs(total(bin, said) - total(bin, isRight))),
    // Mean size of a normal deviation whose variance is that of the number of right ones.
    chance: overAll((bin) => Math.sqrt((2 / Math.PI) * total(bin, (i) => said(i) * (1 - said(i))))),
    auroc: areaUnderCurve(confidences, right),
    bins: members.map((bin) => ({
      captions: bin.length,
      confidence: share(total(bin, said), bin.length),
      right: share(total(bin, isRight), bin.length),
    })),
  }
}

/** From the ranks (Mann and Whitney 1947); equal confidences share theirs. */
function areaUnderCurve(confidences: readonly number[], right: readonly boolean[]): number {
  const order = [...confidences.keys()].sort((a, b) => confidences[a]! - confidences[b]!)
  let [ranks, good] = [0, 0]
  for (let from = 0; from < order.length; ) {
    let to = from
    while (to < order.length && confidences[order[to]!] === confidences[order[from]!]) to++
    const among = order.slice(from, to).filter((i) => right[i]).length
    ranks += among * ((from + to - 1) / 2)
    good += among
    from = to
  }
  const pairs = good * (order.length - good)
  return pairs === 0 ? 0.5 : (ranks - (good * (good - 1)) / 2) / pairs
}
