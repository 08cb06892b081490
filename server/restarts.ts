import type { Logger } from 'pino'
import type { ModelEvent } from '../decoder/types.js'

/** How tries to replace something ended. */
export type Outcomes = Record<'replaced' | 'failed', number>

/** Logs what becomes of the model's process, and counts how the tries to replace it ended. */
export class Restarts {
  readonly counts: Outcomes = { replaced: 0, failed: 0 }

  constructor(private readonly logger: Logger) {}

  readonly onEvent = (event: ModelEvent): void => {
    if (event.kind === 'replaced') {
      this.counts.replaced++
      this.logger.info("model's process replaced")
      return
    }
    if (event.kind === 'not replaced') this.counts.failed++
    this.logger.error({ err: event.error }, `model's process ${event.kind}`)
  }
}
