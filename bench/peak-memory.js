/**
 * Preloaded into a process (`node --import`): when it ends, writes its peak resident memory in bytes to descriptor 3,
 * with the peaks of the processes it started.
 */
import { readFileSync, writeSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

const isLinux = process.platform === 'linux'
/** Peaks of other processes by their number, for as long as they could be looked at. @type {Map<string, number>} */
const others = new Map()

/** @param {string} pid @returns {number} */
function peakOf(pid) {
  const [, kilobytes] = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmHWM:\s*(\d+) kB$/m) ?? []
  if (kilobytes === undefined) throw new Error(`Expected process ${pid} to run`)
  return Number(kilobytes) * 1024
}

function look() {
  const pids = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean)
  for (const pid of pids)
    try {
      others.set(pid, peakOf(pid))
    } catch {
      // It has just ended.
    }
}

/** @returns {number} */
function peakBytes() {
  // On Linux the largest size that getrusage tells includes that of the process this one was forked from.
  if (!isLinux) return process.resourceUsage().maxRSS * 1024
  look()
  return [...others.values()].reduce((sum, peak) => sum + peak, peakOf('self'))
}

// Workers are preloaded too; their memory is the process's.
if (isMainThread) {
  if (isLinux) setInterval(look, 20).unref()
  process.on('exit', () => writeSync(3, String(peakBytes())))
}
