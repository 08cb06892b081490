import type { Sentence, Span, Word } from './sentence.js'

const EXACT = 0
const STEM = 1
const SYNONYM = 2
const PARAPHRASE = 3
/** How much a match of each module counts: the `rank` task, English. */
export const MODULE_WEIGHTS: readonly number[] = [1, 0.6, 0.8, 0.6]

/** `length` words of the candidate from `start` on correspond to `referenceLength` words from `referenceStart` on. */
export interface Match {
  /** 0 exact, 1 stem, 2 synonym, 3 paraphrase. */
  readonly module: number
  readonly start: number
  readonly length: number
  readonly referenceStart: number
  readonly referenceLength: number
}

/** Matches in the order of the reference, and the number of runs they form that are contiguous in both sentences. */
export interface Alignment {
  readonly matches: readonly Match[]
  readonly chunks: number
}

/** A match as seen from its place in the reference. */
type Option = Omit<Match, 'referenceStart'>

const BEAM_SIZE = 40

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
  /** Candidate words used by choices of the search, made when the path outlives its beam. */
  used: Uint8Array | undefined
}

/**
 * The alignment of the two sentences: every word in at most one match, as many words covered as possible, then as few
 * chunks, then the least distance between the starts of the matches (Denkowski & Lavie 2011), found by a beam of 40
 * along the reference. Three habits of METEOR 1.5 that its papers do not tell decide between near ties, and
 * hence are part of the metric: a match covers whole words only after weighting (0.6 or 0.8 of one word is none), so
 * that a stem or synonym is taken for its chunk's sake; a match that has no competitor is taken unconditionally; and
 * the distance of a match weighs on the paths that pass it over for a later one, not on the path that takes it.
 * Time grows with the product of the two lengths.
 */
export function align(candidate: Sentence, reference: Sentence): Alignment {
  const options = findOptions(candidate, reference)
  const isForced = unrivalled(options, candidate.words.length)
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
      used: new Uint8Array(candidate.words.length),
    },
  ]
  options.forEach((here, position) => {
    const forced = isForced[position]!
    const extended: Path[] = []
    for (const path of paths) {
      if (path.next > position) extended.push(path)
      else if (forced) extended.push(take(path, here[0]!, position, path.distance, path.used))
      else branch(path, here, position, extended)
    }
    if (extended.length > 1) extended.sort(byQuality)
    if (extended.length > BEAM_SIZE) extended.length = BEAM_SIZE
    if (here.length > 0 && !forced) extended.forEach(markUsed)
    paths = extended
  })
  const best = paths
    .map((path) => (path.end === -1 ? path : passOver(path, path.next, path.distance)))
    .sort(byQuality)[0]!
  const matches: Match[] = []
  for (let path: Path | undefined = best; path; path = path.previous)
    if (path.option) matches.push({ ...path.option, referenceStart: path.position })
  return { matches: matches.reverse(), chunks: best.chunks }
}

/** Adds to `paths` every way in which `path` can go on at this position. */
function branch(path: Path, options: readonly Option[], position: number, paths: Path[]): void {
  let distance = path.distance
  let alike = 0
  let module = EXACT
  for (const option of options) {
    if (!isFree(path.used!, option)) continue
    if (option.module !== module) alike = 0
    module = option.module
    // Of one-word matches that open a chunk, those after the first forty would fall out of the beam at once.
    if (option.start === path.end || module === PARAPHRASE || alike++ < BEAM_SIZE)
      paths.push(take(path, option, position, distance, undefined))
    distance += Math.abs(option.start - position)
  }
  paths.push(passOver(path, position + 1, distance))
}

function take(
  path: Path,
  option: Option,
  position: number,
  distance: number,
  used: Uint8Array | undefined,
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

function isFree(used: Uint8Array, option: Option): boolean {
  for (let i = option.start; i < option.start + option.length; i++) if (used[i]) return false
  return true
}

function markUsed(path: Path): void {
  if (path.used) return
  const used = path.previous!.used!.slice()
  const { start, length } = path.option!
  used.fill(1, start, start + length)
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
    return (
      uses.subarray(start, start + length).every((count) => count === 1) &&
      referenceUses.subarray(position, position + referenceLength).every((count) => count === 1)
    )
  })
}

/** Every match of every module, by its position in the reference, in the order of the modules. */
function findOptions(candidate: Sentence, reference: Sentence): Option[][] {
  const ofWord = new Map<Word, Option[]>()
  const options = reference.words.map((word) => {
    let found = ofWord.get(word)
    if (!found) {
      found = wordOptions(candidate.words, word)
      ofWord.set(word, found)
    }
    return found
  })
  // A pair that the table has both ways makes two matches, which then compete.
  const add = (of: Span, ofReference: Span) => {
    const option = {
      module: PARAPHRASE,
      start: of.start,
      length: of.length,
      referenceLength: ofReference.length,
    }
    options[ofReference.start] = [...options[ofReference.start]!, option]
  }
  forEachParaphrase(reference.spans, candidate.spans, (span, other) => add(other, span))
  forEachParaphrase(candidate.spans, reference.spans, add)
  return options
}

/** Calls `visit` for each span of the second sentence that the table gives for one of the first, in the table's order. */
function forEachParaphrase(
  from: readonly Span[],
  to: readonly Span[],
  visit: (span: Span, other: Span) => void,
): void {
  for (const span of from) {
    const { ranks } = span.phrase
    if (ranks.size === 0) continue
    to.filter((other) => ranks.has(other.phrase.text))
      .sort((a, b) => ranks.get(a.phrase.text)! - ranks.get(b.phrase.text)!)
      .forEach((other) => {
        visit(span, other)
      })
  }
}

function wordOptions(candidate: readonly Word[], word: Word): Option[] {
  const ofModule: Option[][] = [[], [], []]
  for (let start = 0; start < candidate.length; start++) {
    const other = candidate[start]!
    if (other === word) ofModule[EXACT]!.push(oneWord(EXACT, start))
    else {
      if (other.stem === word.stem) ofModule[STEM]!.push(oneWord(STEM, start))
      if (intersect(other.groups, word.groups)) ofModule[SYNONYM]!.push(oneWord(SYNONYM, start))
    }
  }
  return ofModule.flat()
}

function oneWord(module: number, start: number): Option {
  return { module, start, length: 1, referenceLength: 1 }
}

function intersect(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) return true
    if (a[i]! < b[j]!) i++
    else j++
  }
  return false
}
