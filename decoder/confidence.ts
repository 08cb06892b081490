import { mentionsIn, scoreObjects } from '../metrics/objects.js'

type Five = readonly [number, number, number, number, number]

/** Logistic regression of an object being named rightly; `weights` of the features below. */
export interface Confidence {
  readonly weights: Five
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

/**
 * Of an object: 1, whether it is a person, who is named most and most rightly, the log-probability of its word, the mean
 * of the caption's, and the caption's length in tens of words.
 */
function featuresOf({ tokens, wordLogProbs, logProb }: Said, object: string, at: number): Five {
  const mean = logProb / (tokens.length + 1)
  return [1, object === 'person' ? 1 : 0, wordLogProbs[at] ?? mean, mean, tokens.length / 10]
}

function objectsOf(said: Said): readonly Five[] {
  return [...mentionsIn(said.tokens)].map(([object, at]) => featuresOf(said, object, at))
}

/**
 * Calibrated probability that every object that a caption names stands in some reference: the product over its objects.
 * A caption that names none of the known objects counts as naming one, so that nobody is sure of what cannot be
 * checked. ½ without calibration.
 */
export function confidenceOf(confidence: Confidence | undefined, said: Said): number {
  if (confidence === undefined) return 0.5
  const named = objectsOf(said)
  const objects = named.length === 0 ? [featuresOf(said, '', -1)] : named
  return objects.reduce((product, x) => product * sigmoid(dot(confidence.weights, x)), 1)
}

/**
 * Fits the logistic by the likelihood of whole captions being right, not of single objects, which are right and wrong
 * together: Fisher scoring (iteratively reweighted least squares), with a little ridge.
 */
export function fitConfidence(examples: readonly ConfidenceExample[]): Five {
  const captions = examples
    .map((example) => ({ objects: objectsOf(example), right: isRight(example) }))
    .filter(({ objects }) => objects.length > 0)
  let weights: Five = [0, 0, 0, 0, 0]
  for (let iteration = 0; iteration < 50; iteration++) {
    const gradient = weights.map((weight) => -RIDGE * weight)
    const information = weights.map((_, i) => weights.map((_, j) => (i === j ? RIDGE : 0)))
    for (const { objects, right } of captions) {
      const sure = objects.map((x) => sigmoid(dot(weights, x)))
      const p = sure.reduce((product, one) => product * one, 1)
      // The derivative of p, divided by p.
      const slope = weights.map((_, i) => objects.reduce((sum, x, k) => sum + (1 - sure[k]!) * x[i]!, 0))
      const odds = p / Math.max(1 - p, LEAST)
      for (const [i, value] of slope.entries()) {
        gradient[i]! += (right ? 1 : -odds) * value
        for (const [j, other] of slope.entries()) information[i]![j]! += odds * value * other
      }
    }
    const step = solve(information, gradient)
    weights = weights.map((weight, i) => weight + step[i]!) as [number, number, number, number, number]
    if (Math.max(...step.map(Math.abs)) < 1e-9) break
  }
  return weights
}

/** Whether every object that a caption names stands in some reference. */
export function isRight({ tokens, references }: Pick<ConfidenceExample, 'tokens' | 'references'>): boolean {
  return scoreObjects([tokens], [references]).unsupportedCaptions === 0
}

const RIDGE = 1e-3
/** Doubt that is always left, so that nothing is divided by 0. */
const LEAST = 1e-9

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x))
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0)
}

/** Gauss-Jordan with pivots. */
function solve(matrix: number[][], right: number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!])
  for (let column = 0; column < rows.length; column++) {
    const pivot = rows
      .slice(column)
      .reduce(
        (best, _, i) =>
          Math.abs(rows[column + i]![column]!) > Math.abs(rows[best]![column]!) ? column + i : best,
        column,
      )
    ;[rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!]
    for (let row = 0; row < rows.length; row++) {
      if (row === column) continue
      const factor = rows[row]![column]! / rows[column]![column]!
      for (let i = column; i <= rows.length; i++) rows[row]![i]! -= factor * rows[column]![i]!
    }
  }
  return rows.map((row, i) => row[rows.length]! / row[i]!)
}
