import { Random } from '../random.js'

/** How many numbers are made once and then read from random places (as Salimans et al. 2017, section 2.1, do). */
const STORED = 1 << 22

let stored: Float32Array | undefined

/**
 * Standard Gumbel noise, −ln(−ln u), rows of `width` numbers: each row is a piece of one long table, from a place that
 * `random` names.
 */
export function gumbelNoise(random: Random, values: number, width: number): Float32Array {
  stored ??= makeTable()
  const noise = new Float32Array(values)
  for (let from = 0; from < values; from += width) {
    const size = Math.min(width, values - from)
    const at = random.below(STORED - size)
    noise.set(stored.subarray(at, at + size), from)
  }
  return noise
}

function makeTable(): Float32Array {
  const random = new Random('gumbel')
  return Float32Array.from({ length: STORED }, () => -Math.log(-Math.log(random.uniform() + 1e-12)))
}
