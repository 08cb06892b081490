import { type Options, SingleBar } from 'cli-progress'

/** The bar that is shown, or was last. */
let latest: SingleBar | undefined

/** A progress bar on the standard error stream with rate and time left, from `done` on; a line every so often where there is no terminal. */
export function progressBar(
  what: string,
  total: number,
  done = 0,
): { update(done: number, note?: string): void; stop(): void } {
  const options: Options = {
    format: `${what} {bar} {value}/{total} · {rate}/s · {eta_formatted} left {note}`,
    stream: process.stderr,
    noTTYOutput: true,
    notTTYSchedule: 10_000,
    barsize: 24,
    hideCursor: true,
    etaBuffer: 200,
    // Also what has not changed: `say` writes over it.
    forceRedraw: true,
  }
  const bar = new SingleBar(options)
  latest = bar
  const began = Date.now()
  bar.start(total, done, { rate: '–', note: '' })
  return {
    update(now, note = '') {
      const seconds = (Date.now() - began) / 1000
      bar.update(now, { rate: ((now - done) / Math.max(seconds, 0.001)).toFixed(1), note })
    },
    stop: () => bar.stop(),
  }
}

/** Says a line on the standard error stream, above the bar where one is shown. */
export function say(line: string): void {
  const bar = process.stderr.isTTY && latest?.isActive ? latest : undefined
  // A bar switches wrapping off, and at its end goes back to the place that was saved at its beginning. The new place is
  // saved while wrapping is on, which some terminals save with it.
  process.stderr.write(bar === undefined ? `${line}\n` : `\r\x1b[K\x1b[?7h${line}\n\x1b7\x1b[?7l`)
  bar?.render()
}
