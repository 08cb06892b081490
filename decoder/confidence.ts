/** Logistic regression of a caption being right; `weights` of 1, mean log-probability a token, and words. */
export interface Confidence {
  readonly weights: readonly [number, number, number]
  /** How it was fitted and how well it does, for the model card. */
  readonly calibration: string
}

/** What is known of a caption beside its score, and whether every content noun of it stands in some reference. */
export interface ConfidenceExample {
  readonly logProb: number
  readonly words: number
  readonly right: boolean
}

/** The features: log-probability a token (end is one), and length. */
function featuresOf(logProb: number, words: number): readonly [number, number, number] {
  return [1, logProb / (words + 1), words / 10]
}

/** Calibrated probability that a caption names nothing that people did not name; NaN-free, ½ without calibration. */
export function confidenceOf(confidence: Confidence | undefined, logProb: number, words: number): number {
  if (confidence === undefined) return 0.5
  return sigmoid(dot(confidence.weights, featuresOf(logProb, words)))
}

/** Fits the logistic by Newton's method (iteratively reweighted least squares), with a little ridge. */
export function fitConfidence(examples: readonly ConfidenceExample[]): [number, number, number] {
  let weights: [number, number, number] = [0, 0, 0]
  for (let iteration = 0; iteration < 50; iteration++) {
    const gradient = weights.map((weight) => -RIDGE * weight)
    const hessian = [0, 1, 2].map((i) => [0, 1, 2].map((j) => (i === j ? RIDGE : 0)))
    for (const { logProb, words, right } of examples) {
      const x = featuresOf(logProb, words)
      const p = sigmoid(dot(weights, x))
      for (let i = 0; i < 3; i++) {
        gradient[i]! += ((right ? 1 : 0) - p) * x[i]!
        for (let j = 0; j < 3; j++) hessian[i]![j]! += p * (1 - p) * x[i]! * x[j]!
      }
    }
    const step = solve(hessian, gradient)
    weights = weights.map((weight, i) => weight + step[i]!) as [number, number, number]
    if (Math.max(...step.map(Math.abs)) < 1e-9) break
  }
  return weights
}

const RIDGE = 1e-3

/** Expected calibration error over ten equal bins (Guo et al. 2017, section 2), and the area under the ROC curve, ½ where there is nothing to order. */
export function calibrationOf(
  confidence: Confidence,
  examples: readonly ConfidenceExample[],
): { error: number; auroc: number } {
  const scored = examples.map(({ logProb, words, right }) => ({
    p: confidenceOf(confidence, logProb, words),
    right,
  }))
  let error = 0
  for (let bin = 0; bin < 10; bin++) {
    const inside = scored.filter(({ p }) => Math.min(9, Math.floor(p * 10)) === bin)
    const off = inside.reduce((sum, { p, right }) => sum + p - (right ? 1 : 0), 0)
    error += Math.abs(off) / Math.max(1, scored.length)
  }
  const wrong = scored.filter(({ right }) => !right).map(({ p }) => p)
  const good = scored.filter(({ right }) => right).map(({ p }) => p)
  const wins = good.reduce(
    (sum, p) => sum + wrong.reduce((n, q) => n + (p > q ? 1 : p === q ? 0.5 : 0), 0),
    0,
  )
  const pairs = good.length * wrong.length
  return { error, auroc: pairs === 0 ? 0.5 : wins / pairs }
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x))
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0)
}

/** Gauss-Jordan with pivots, for three unknowns. */
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
