import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
// biome-ignore lint/style/noRestrictedImports: the bench measures the package as it is compiled
import type { Captioner } from 'showtell'
import { median } from './median.js'
import type { Photos } from './photos.js'

/** Milliseconds a photo, medians. */
export interface Latency {
  readonly batch: number
  readonly decode: number
  readonly encode: number
  readonly search: number
  /** From the call to its answer; what the three leave over is the way to the model's process and back. */
  readonly total: number
}

/** What `showtell caption` does with a folder. */
export interface FolderRate {
  readonly width: number
  readonly height: number
  readonly photos: number
  readonly averageBytes: number
  readonly photosPerSecond: number
  /** Resident memory at its peak, of the process and of those that it started, added up, bytes. */
  readonly peakMemory: number
}

const COMMAND = fileURLToPath(new URL('../bin/showtell.js', import.meta.url))
const PEAK_MEMORY = new URL('peak-memory.js', import.meta.url).href
const BEAM_SIZE = 3

/** Captions batches of files, a fresh file each time, and takes the median of each part. */
export async function latency(
  captioner: Captioner,
  files: readonly string[],
  { batch, runs, warmUp }: { readonly batch: number; readonly runs: number; readonly warmUp: number },
): Promise<Latency> {
  const measured: Omit<Latency, 'batch'>[] = []
  for (let run = 0; run < warmUp + runs; run++) {
    const images = Array.from({ length: batch }, (_, i) => files[(run * batch + i) % files.length]!)
    const began = performance.now()
    const [first] = await captioner.caption(images, { beamSize: BEAM_SIZE })
    const total = (performance.now() - began) / batch
    if (!first || first instanceof Error) throw first
    if (run >= warmUp) measured.push({ ...first.timing, total })
  }
  const middle = (part: keyof Omit<Latency, 'batch'>): number => median(measured.map((run) => run[part]))
  return {
    batch,
    decode: middle('decode'),
    encode: middle('encode'),
    search: middle('search'),
    total: middle('total'),
  }
}

/** Milliseconds from starting `showtell caption` on one photo to its end, the median of `runs`. */
export async function startUp(bundle: string, photo: string, runs: number): Promise<number> {
  return median((await repeat(runs, () => captionCommand(bundle, photo))).map(({ duration }) => duration))
}

/**
 * Runs `showtell caption` on a folder.
 * @param startUp milliseconds that the command takes for one photo; the rate is that of the other photos.
 */
export async function folderRate(
  bundle: string,
  photos: Photos,
  runs: number,
  startUp: number,
): Promise<FolderRate> {
  const { folder, width, height, averageBytes } = photos
  const found = await repeat(runs, () => captionCommand(bundle, folder))
  const others = photos.files.length - 1
  return {
    width,
    height,
    photos: photos.files.length,
    averageBytes,
    photosPerSecond: (1000 * others) / (median(found.map(({ duration }) => duration)) - startUp),
    peakMemory: Math.max(...found.map(({ peakMemory }) => peakMemory)),
  }
}

async function repeat<R>(runs: number, run: () => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let i = 0; i < runs; i++) results.push(await run())
  return results
}

/** The command as people run it, in a process of its own. */
function captionCommand(bundle: string, path: string): Promise<{ duration: number; peakMemory: number }> {
  const options = ['--bundle', bundle, '--beam-size', String(BEAM_SIZE)]
  const began = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', PEAK_MEMORY, COMMAND, 'caption', path, ...options], {
      stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    })
    let peak = ''
    child.stdio[3]!.on('data', (bytes: Buffer) => {
      peak += bytes.toString()
    })
    child.on('error', reject)
    child.on('close', (code) => {
      const duration = performance.now() - began
      if (code === 0) resolve({ duration, peakMemory: Number(peak) })
      else reject(new Error(`Expected showtell caption ${path} to succeed but it ended with ${code}`))
    })
  })
}
