import type { Writable } from 'node:stream'
import type { DestinationStream } from 'pino'

/** Bytes of the log that may wait for whoever reads it. */
const MOST_WAITING = 2 ** 20

/**
 * A stream as the place of the log, which neither ends nor holds up the service: what cannot be written (on a full disk, to
 * a reader or a terminal that is gone) and what nobody reads is dropped, until it can be written again.
 * @param tell told of the first line that is lost, and why
 */
export function logTo(out: Writable, tell: (loss: string) => void): DestinationStream {
  let isTold = false
  const lose = (cause: string): void => {
    if (isTold) return
    isTold = true
    tell(`log: lines are lost while it cannot be written (${cause})`)
  }
  // Each line that fails is told of to its own write; an event that nobody hears would end the service.
  out.on('error', () => {})
  return {
    write(line) {
      if (out.writableLength >= MOST_WAITING) return lose('nobody reads it')
      out.write(line, (error) => {
        if (error) lose(error.message)
      })
    },
  }
}
