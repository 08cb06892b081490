/**
 * Seeded generator xoshiro128** (Blackman and Vigna 2021, "Scrambled linear pseudorandom number generators"), its
 * state filled by splitmix32. Same seed, same numbers, on every machine.
 */
export class Random {
  private s0: number
  private s1: number
  private s2: number
  private s3: number

  /** Any number of integers or words may make the seed: `new Random(7, 'dropout', step)`. */
  constructor(...seed: readonly (number | string)[]) {
    let hash = 0x9e3779b9
    for (const part of seed) {
      const text = typeof part === 'number' ? `#${part}` : part
      for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
      hash = Math.imul(hash ^ 0x2c, 0x01000193) >>> 0
    }
    const next = (): number => {
      hash = (hash + 0x9e3779b9) >>> 0
      let z = hash
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      return (z ^ (z >>> 15)) >>> 0
    }
    this.s0 = next()
    this.s1 = next()
    this.s2 = next()
    this.s3 = next()
  }

  /** An integer from 0 to 2^32 − 1. */
  integer(): number {
    const product = Math.imul(this.s1, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const t = this.s1 << 9
    this.s2 ^= this.s0
    this.s3 ^= this.s1
    this.s1 ^= this.s2
    this.s0 ^= this.s3
    this.s2 ^= t
    this.s3 = (this.s3 << 11) | (this.s3 >>> 21)
    return result
  }

  /** A number in [0, 1). */
  uniform(): number {
    return this.integer() / 4294967296
  }

  /** An integer from 0 to `limit` − 1. */
  below(limit: number): number {
    return Math.floor(this.uniform() * limit)
  }

  /** A number of the standard normal distribution (Box and Muller 1958). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    return radius * Math.cos(2 * Math.PI * this.uniform())
  }

  /** Shuffles in place (Fisher and Yates) and returns the same array. */
  shuffle<A extends { length: number; [index: number]: unknown }>(items: A): A {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const kept = items[i]
      items[i] = items[j]
      items[j] = kept
    }
    return items
  }
}
