import { type Options, SingleBar } from 'cli-progress'

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
  }
  const bar = new SingleBar(options)
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
