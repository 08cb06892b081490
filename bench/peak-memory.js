/** Preloaded into a process (`node --import`): when it ends, writes its peak resident memory in bytes to descriptor 3. */
import { readFileSync, writeSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

/** @returns {number} */
function peakBytes() {
  // On Linux the largest size that getrusage tells includes that of the process this one was forked from.
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024
  const [, kilobytes] = readFileSync('/proc/self/status', 'utf8').match(/^VmHWM:\s*(\d+) kB$/m) ?? []
  return Number(kilobytes) * 1024
}

// Workers are preloaded too; their memory is the process's.
if (isMainThread) process.on('exit', () => writeSync(3, String(peakBytes())))
