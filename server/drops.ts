import type { DropArgument } from 'node:net'
import type { Logger } from 'pino'

/** Time that a line of the log is about, ms: strangers open connections much faster than anybody reads. */
const GATHERED = 1_000

/** Counts connections that are closed since there are too many, and logs them, those of a second together. */
export class Drops {
  count = 0
  #untold = 0

  constructor(private readonly logger: Logger) {}

  readonly onDrop = ({ remoteAddress }: DropArgument = {}): void => {
    this.count++
    if (this.#untold++ > 0) return
    const tell = (): void => {
      this.logger.warn({ connections: this.#untold, remoteAddress }, 'too many connections')
      this.#untold = 0
    }
    setTimeout(tell, GATHERED).unref()
  }
}
