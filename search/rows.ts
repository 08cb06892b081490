/** The `k` largest entries of each row, falling; of equal ones the first come first. */
export function bestOfRows(
  logProbs: Float32Array,
  width: number,
  k: number,
): { logProbs: Float32Array; tokens: Int32Array } {
  const rows = logProbs.length / width
  const tokens = new Int32Array(rows * k)
  const values = new Float32Array(rows * k)
  for (let row = 0; row < rows; row++) {
    const scores = logProbs.subarray(row * width, (row + 1) * width)
    // Numbers are sorted by native code; only the best need their places sorted with them, which takes many times as long.
    const least = scores.slice().sort()[width - k]!
    const order: number[] = []
    scores.forEach((score, token) => {
      if (!(score < least)) order.push(token)
    })
    order.sort((a, b) => scores[b]! - scores[a]!)
    for (let i = 0; i < k; i++) {
      tokens[row * k + i] = order[i]!
      values[row * k + i] = scores[order[i]!]!
    }
  }
  return { logProbs: values, tokens }
}
