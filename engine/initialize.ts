import { Random } from '../random.js'
import type { Parameter } from './ops.js'

/** The values of parameters before training, a pure function of the seed and each parameter's name. */
export function initialize(parameters: readonly Parameter[], seed: number): Record<string, Float32Array> {
  return Object.fromEntries(
    parameters.map((parameter) => [
      parameter.name,
      fill(parameter, new Random(seed, 'initialize', parameter.name)),
    ]),
  )
}

function fill({ shape, initializer }: Parameter, random: Random): Float32Array {
  const size = shape.reduce((product, length) => product * length, 1)
  const last = shape.at(-1)!
  const values = new Float32Array(size)
  if (initializer === 'orthogonal') {
    const rows = shape[0]!
    for (let block = 0; block < last / rows; block++) {
      const matrix = orthogonal(rows, random)
      for (let r = 0; r < rows; r++)
        for (let c = 0; c < rows; c++) values[r * last + block * rows + c] = matrix[r]![c]!
    }
    return values
  }
  if (typeof initializer === 'object' && 'parts' in initializer) {
    const width = last / initializer.parts.length
    return values.map((_, i) => initializer.parts[Math.floor((i % last) / width)]!)
  }
  const limit = initializer === 'glorot' ? Math.sqrt(6 / (shape[0]! + last)) : initializer.uniform
  return values.map(() => (2 * random.uniform() - 1) * limit)
}

/** Gram-Schmidt over rows of normal numbers: uniform over the orthogonal matrices, mirrorings too (Mezzadri 2007). */
function orthogonal(size: number, random: Random): Float64Array[] {
  const rows: Float64Array[] = []
  while (rows.length < size) {
    const row = new Float64Array(size).map(() => random.normal())
    for (const other of rows) {
      let dot = 0
      for (let i = 0; i < size; i++) dot += row[i]! * other[i]!
      for (let i = 0; i < size; i++) row[i]! -= dot * other[i]!
    }
    const norm = Math.hypot(...row)
    rows.push(row.map((value) => value / norm))
  }
  return rows
}
