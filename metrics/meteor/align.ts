import { EXACT, type MatchFinder, type Option, PARAPHRASE } from './matches.js'
import type { Sentence } from './sentence.js'

/** How much a match of each module counts: the `rank` task, English. */
export const MODULE_WEIGHTS: readonly number[] = [1, 0.6, 0.8, 0.6]

/** A match that is part of an alignment. */
export interface Match extends Option {
  readonly referenceStart: number
}

/** Matches in the order of the reference, and the number of runs they form that are contiguous in both sentences. */
export interface Alignment {
  readonly matches: readonly Match[]
  readonly chunks: number
}

const BEAM_SIZE = 40

/** A bit a candidate word, in pages of 1,024 or fewer: sets that differ in one word share all other pages. */
type WordSet = readonly (readonly number[])[]

/** A partial alignment of the reference's first words; a list, newest choice first. */
interface Path {
  readonly previous: Path | undefined
  /** What was chosen at `position`; undefined where the path covers nothing. */
  readonly option: Option | undefined
  readonly position: number
  /** Reference position where the path goes on. */
  readonly next: number
  /** Candidate position after the open chunk's last word; −1 when the last reference word stayed uncovered. */
  readonly end: number
  readonly covered: number
  /** Chunks that are complete: the open one is not counted yet. */
  readonly chunks: number
  readonly distance: number
  /** Candidate words that choices of the search use; made when the path gets into the beam, dropped when it leaves. */
  used: WordSet | undefined
}

/**
 * The alignment of the finder's candidate and the reference: every word in at most one match, as many words covered
 * as possible, then as few chunks, then the least distance between the starts of the matches (Denkowski & Lavie 2011),
 * found by a beam of 40 along the reference. Three habits of METEOR 1.5 that its papers do not tell decide between near ties, and
 * hence are part of the metric: a match covers whole words only after weighting (0.6 or 0.8 of one word is none), so
 * that a stem or synonym is taken for its chunk's sake; a match that has no competitor is taken unconditionally; and
 * the distance of a match weighs on the paths that pass it over for a later one, not on the path that takes it.
 * Of a word that the candidate has more than 80 times, each place of the reference sees the 80 around it, so that the
 * time for two texts of one repeated word grows with their length and not with its cube.
 */
export function align(finder: MatchFinder, reference: Sentence): Alignment {
  const { length } = finder.candidate.words
  const options = finder.find(reference)
  const isForced = unrivalled(options, length)
  const page = new Array<number>(Math.min(32, (length >>> 5) + 1)).fill(0)
  let paths: Path[] = [
    {
      previous: undefined,
      option: undefined,
      position: 0,
      next: 0,
      end: -1,
      covered: 0,
      chunks: 0,
      distance: 0,
      used: new Array<number[]>((length >>> 10) + 1).fill(page),
    },
  ]
  options.forEach((here, position) => {
    const forced = isForced[position]!
    const beam: Path[] = []
    for (const path of paths) {
      if (path.next > position) keep(path, beam)
      else if (forced) keep(take(path, here[0]!, position, path.distance, path.used), beam)
      else branch(path, here, position, beam)
    }
    beam.forEach(markUsed)
    for (const path of paths) if (path.next <= position) path.used = undefined
    paths = beam
  })
  const best = paths
    .map((path) => (path.end === -1 ? path : passOver(path, path.next, path.distance)))
    .sort(byQuality)[0]!
  const matches: Match[] = []
  for (let path: Path | undefined = best; path; path = path.previous)
    if (path.option) matches.push({ ...path.option, referenceStart: path.position })
  return { matches: matches.reverse(), chunks: best.chunks }
}

/** Puts a path into the beam behind all that are as good. @returns whether there was room. */
function keep(path: Path, beam: Path[]): boolean {
  let at = beam.length
  while (at > 0 && byQuality(path, beam[at - 1]!) < 0) at--
  if (at === BEAM_SIZE) return false
  beam.splice(at, 0, path)
  if (beam.length > BEAM_SIZE) beam.pop()
  return true
}

/** Puts every way in which `path` can go on at this position into the beam. */
function branch(path: Path, options: readonly Option[], position: number, beam: Path[]): void {
  let distance = path.distance
  let module = EXACT
  // One-word matches of a module that open a chunk differ in distance alone, which grows: after one there is no room for any.
  let hasRoom = true
  for (const option of options) {
    if (!isFree(path.used!, option)) continue
    if (option.module !== module) hasRoom = true
    module = option.module
    const opensChunk = option.start !== path.end && module !== PARAPHRASE
    if (hasRoom || !opensChunk) {
      const isKept = keep(take(path, option, position, distance, undefined), beam)
      if (opensChunk) hasRoom = isKept
    }
    distance += Math.abs(option.start - position)
  }
  keep(passOver(path, position + 1, distance), beam)
}

function take(
  path: Path,
  option: Option,
  position: number,
  distance: number,
  used: WordSet | undefined,
): Path {
  const weight = MODULE_WEIGHTS[option.module]!
  return {
    previous: path,
    option,
    position,
    next: position + option.referenceLength,
    end: option.start + option.length,
    covered: path.covered + Math.trunc(option.length * weight) + Math.trunc(option.referenceLength * weight),
    chunks: path.end === -1 || path.end === option.start ? path.chunks : path.chunks + 1,
    distance,
    used,
  }
}

function passOver(path: Path, next: number, distance: number): Path {
  return {
    previous: path.option ? path : path.previous,
    option: undefined,
    position: path.next,
    next,
    end: -1,
    covered: path.covered,
    chunks: path.end === -1 ? path.chunks : path.chunks + 1,
    distance,
    used: path.used,
  }
}

function byQuality(a: Path, b: Path): number {
  return b.covered - a.covered || a.chunks - b.chunks || a.distance - b.distance
}

function isFree(used: WordSet, { start, length }: Option): boolean {
  for (let i = start; i < start + length; i++)
    if (used[i >>> 10]![(i >>> 5) & 31]! & (1 << (i & 31))) return false
  return true
}

function markUsed(path: Path): void {
  if (path.used) return
  const used = path.previous!.used!.slice()
  const { start, length } = path.option!
  for (let i = start; i < start + length; i++) {
    const page = used[i >>> 10]!.slice()
    page[(i >>> 5) & 31]! |= 1 << (i & 31)
    used[i >>> 10] = page
  }
  path.used = used
}

/** The positions whose only match shares none of its words, on either side, with another match. */
function unrivalled(options: readonly (readonly Option[])[], candidateLength: number): boolean[] {
  const uses = new Int32Array(candidateLength)
  const referenceUses = new Int32Array(options.length)
  options.forEach((here, position) => {
    for (const { start, length, referenceLength } of here) {
      for (let i = start; i < start + length; i++) uses[i]!++
      for (let i = position; i < position + referenceLength; i++) referenceUses[i]!++
    }
  })
  return options.map((here, position) => {
    if (here.length !== 1) return false
    const { start, length, referenceLength } = here[0]!
    return isAllOnes(uses, start, length) && isAllOnes(referenceUses, position, referenceLength)
  })
}

function isAllOnes(counts: Int32Array, start: number, length: number): boolean {
  for (let i = start; i < start + length; i++) if (counts[i] !== 1) return false
  return true
}
