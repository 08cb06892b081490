import type { Captioner, ModelDescription } from '../decoder/types.js'
import type { ServiceOptions } from './config.js'
import type { Desk } from './desk.js'
import type { Metrics } from './metrics.js'

/** What the routes share. */
export interface Service {
  readonly captioner: Pick<Captioner, 'model'>
  readonly desk: Desk
  readonly metrics: Metrics
  readonly options: ServiceOptions
  /** Whether to be sent requests: not before a first batch, and not while shutting down. */
  readonly isReady: () => boolean
  /** Loads the bundle again. @throws ShowtellError why it cannot be served */
  readonly reload: () => Promise<ModelDescription>
}
