/**
 * Preloaded into a process (`node --import`): when it ends, writes its peak resident memory in bytes to descriptor 3,
 * with the peaks of the processes it started.
 */
import { readFileSync, writeSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { mostResident, residentOf } from '../dist/resident.js'

const isLinux = process.platform === 'linux'
/** Peaks of other processes by their number, for as long as they could be looked at. @type {Map<string, number>} */
const others = new Map()

function look() {
  const pids = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean)
  for (const pid of pids) {
    const peak = residentOf(pid, 'VmHWM')
    // Nothing is told of one that has just ended.
    if (peak !== undefined) others.set(pid, peak)
  }
}

/** @returns {number} */
function peakBytes() {
  if (isLinux) look()
  return [...others.values()].reduce((sum, peak) => sum + peak, mostResident())
}

// Workers are preloaded too; their memory is the process's.
if (isMainThread) {
  if (isLinux) setInterval(look, 20).unref()
  process.on('exit', () => writeSync(3, String(peakBytes())))
}
