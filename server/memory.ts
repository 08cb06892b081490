import { ShowtellError } from '../errors.js'

/**
 * Bytes of requests and answers that are held at once, over all of them: what one stranger sends, or does not take, must
 * not starve the others.
 */
export class Memory {
  #held = 0

  constructor(private readonly limit: number) {}

  get held(): number {
    return this.#held
  }

  /** @throws ShowtellError OVERLOADED when `bytes` more do not fit. */
  admit(bytes: number): void {
    if (this.#held + bytes > this.limit)
      throw new ShowtellError(
        'OVERLOADED',
        `Expected at most ${this.limit - this.#held} bytes for all bodies and answers now but received more`,
        { where: 'the body' },
      )
  }

  /** @throws ShowtellError OVERLOADED, and holds nothing more then. */
  hold(bytes: number): void {
    this.admit(bytes)
    this.#held += bytes
  }

  release(bytes: number): void {
    this.#held -= bytes
  }
}
