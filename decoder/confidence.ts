import { expected } from '../errors.js'
import { mentionsIn, scoreObjects } from '../metrics/objects.js'

type Four = readonly [number, number, number, number]

/** Logistic regression of an object being named rightly. */
export interface Confidence {
  /** Of the `features` that all objects have. */
  readonly weights: Four
  /** What is added for an object itself, by its name: how rightly it is named on the whole. 0 where it is absent. */
  readonly objects: Readonly<Record<string, number>>
  /** How it was fitted and how well it does, for the model card. */
  readonly calibration: string
}

/** A caption as the search found it. */
export interface Said {
  readonly tokens: readonly string[]
  /** Of each token, nats. */
  readonly wordLogProbs: readonly number[]
  /** Of all tokens and the end, nats. */
  readonly logProb: number
}

/** A caption, and what people said of the same photo. */
export interface ConfidenceExample extends Said {
  readonly references: readonly (readonly string[])[]
}

/** An object that a caption names. */
interface Named {
  readonly object: string
  /** 1, the probability of its word, the mean log-probability of the caption's, and how many others are named. */
  readonly features: Four
}

function namedIn({ tokens, wordLogProbs, logProb }: Said): readonly Named[] {
  const mentions = mentionsIn(tokens)
  const mean = logProb / (tokens.length + 1)
  // A caption that names none of the known objects counts as naming one, so that nobody is sure of what cannot be checked.
  if (mentions.size === 0) return [{ object: '', features: [1, Math.exp(mean), mean, 0] }]
  return [...mentions].map(([object, at]) => ({
    object,
    features: [1, Math.exp(wordLogProbs[at]!), mean, mentions.size - 1],
  }))
}

/**
 * Calibrated probability that every object that a caption names stands in some reference: the product over its objects. ½
 * without calibration, 0 where nothing is said: no photo shows nothing.
 */
export function confidenceOf(confidence: Confidence | undefined, said: Said): number {
  if (confidence === undefined) return 0.5
  if (said.tokens.length === 0) return 0
  const { weights, objects } = confidence
  return product(
    namedIn(said).map(({ object, features }) => sigmoid(dot(weights, features) + (objects[object] ?? 0))),
  )
}

/** A caption as it is fitted. */
interface Row {
  readonly right: boolean
  /** Of each object that it names the columns that are not 0, [column, value]: the shared ones, and its own. */
  readonly objects: readonly (readonly (readonly [number, number])[])[]
}

/**
 * Fits the logistic by the likelihood of whole captions being right, not of single objects, which are right and wrong
 * together: Fisher scoring (iteratively reweighted least squares). What an object adds is held to be drawn from a
 * standard normal distribution, so that one that was named twice adds little.
 * @throws ShowtellError NUMERIC where the likelihood is no number or does not settle
 */
export function fitConfidence(examples: readonly ConfidenceExample[]): Omit<Confidence, 'calibration'> {
  const captions = examples
    .map((example) => ({ named: namedIn(example), right: isRight(example) }))
    .filter(({ named }) => named[0]!.object !== '')
  const objects = [...new Set(captions.flatMap(({ named }) => named.map(({ object }) => object)))].sort()
  const columnOf = new Map(objects.map((object, i) => [object, 4 + i]))
  const rows = captions.map(
    ({ named, right }): Row => ({
      right,
      objects: named.map(({ object, features }) => [...features.entries(), [columnOf.get(object)!, 1]]),
    }),
  )
  const [bias, word, mean, others, ...own] = mostLikely(rows, [
    ...Array<number>(4).fill(RIDGE),
    ...objects.map(() => 1),
  ]) as [number, number, number, number, ...number[]]
  return {
    weights: [bias, word, mean, others],
    objects: Object.fromEntries(objects.map((object, i) => [object, own[i]!])),
  }
}

/** The weights of the columns under which the rows are likeliest, less half of `ridge` times the square of each. */
function mostLikely(rows: readonly Row[], ridge: readonly number[]): number[] {
  let weights = ridge.map(() => 0)
  let likelihood = likelihoodOf(rows, ridge, weights)
  let gain = 0
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const step = scoringStep(rows, ridge, weights)
    const longest = Math.max(...step.map(Math.abs))
    const before = likelihood
    // Where captions name many objects the whole step may lead far past the best weights.
    let share = 1
    const moved = () => weights.map((weight, i) => weight + share * step[i]!)
    while (share * longest >= REST && !(likelihoodOf(rows, ridge, moved()) >= before - REST)) share /= 2
    weights = moved()
    if (share * longest < REST) return weights
    likelihood = likelihoodOf(rows, ridge, weights)
    gain = likelihood - before
  }
  // Weights that hardly matter may still be on their way.
  if (gain < NO_GAIN) return weights
  throw expected(
    `less than ${NO_GAIN} nats from step ${ITERATIONS}`,
    'the fit of the confidence',
    gain,
    'NUMERIC',
  )
}

/** Log-likelihood of the rows, nats, less what the weights cost. */
function likelihoodOf(rows: readonly Row[], ridge: readonly number[], weights: readonly number[]): number {
  const ofRows = rows.reduce((sum, { right, objects }) => {
    const p = product(objects.map((x) => sureOf(x, weights)))
    return sum + Math.log(right ? p : 1 - p)
  }, 0)
  return weights.reduce((sum, weight, i) => sum - (ridge[i]! * weight ** 2) / 2, ofRows)
}

/** What Fisher scoring adds to the weights: the gradient by the inverse of the expected information. */
function scoringStep(rows: readonly Row[], ridge: readonly number[], weights: readonly number[]): number[] {
  const gradient = weights.map((weight, i) => -ridge[i]! * weight)
  const information = ridge.map((value, i) => ridge.map((_, j) => (i === j ? value : 0)))
  for (const { objects, right } of rows) {
    const sure = objects.map((x) => sureOf(x, weights))
    const p = product(sure)
    // The derivative of p, divided by p.
    const slope = new Map<number, number>()
    for (const [k, x] of objects.entries())
      for (const [i, value] of x) slope.set(i, (slope.get(i) ?? 0) + (1 - sure[k]!) * value)
    const odds = p / Math.max(1 - p, LEAST)
    for (const [i, value] of slope) {
      gradient[i]! += (right ? 1 : -odds) * value
      for (const [j, other] of slope) information[i]![j]! += odds * value * other
    }
  }
  return solve(information, gradient)
}

/** How likely an object is named rightly. */
function sureOf(columns: Row['objects'][number], weights: readonly number[]): number {
  return sigmoid(columns.reduce((sum, [i, value]) => sum + weights[i]! * value, 0))
}

/** Whether every object that a caption names stands in some reference. */
export function isRight({ tokens, references }: Pick<ConfidenceExample, 'tokens' | 'references'>): boolean {
  return scoreObjects([tokens], [references]).unsupportedCaptions === 0
}

const RIDGE = 1e-3
/** Doubt that is always left, so that nothing is divided by 0. */
const LEAST = 1e-9
const ITERATIONS = 50
/** What is taken for nothing: of a step by which no weight changes more, and of a fall of the likelihood, nats. */
const REST = 1e-9
/** Nats; after the last step. */
const NO_GAIN = 1e-3

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x))
}

function product(factors: readonly number[]): number {
  return factors.reduce((all, factor) => all * factor, 1)
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0)
}

/** Gauss-Jordan, of a positive definite matrix, which wants no pivots (Higham 2002, section 14.4). */
function solve(matrix: number[][], right: number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!])
  for (const [column, pivot] of rows.entries())
    for (const [row, values] of rows.entries()) {
      if (row === column) continue
      const factor = values[column]! / pivot[column]!
      for (let i = column; i <= rows.length; i++) values[i]! -= factor * pivot[i]!
    }
  return rows.map((row, i) => row[rows.length]! / row[i]!)
}
