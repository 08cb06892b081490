import { readFileSync } from 'node:fs'

/**
 * A size of a process as Linux tells it, bytes: VmRSS is what is resident now, VmHWM the most there ever was.
 * @param pid its number, or `self`.
 * @returns nothing where there is no such process (any more), or its system does not tell.
 */
export function residentOf(pid: number | string, size: 'VmRSS' | 'VmHWM'): number | undefined {
  let status: string
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return undefined
  }
  const kilobytes = new RegExp(`^${size}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1]
  return kilobytes === undefined ? undefined : 1024 * Number(kilobytes)
}

/**
 * The most bytes that this process ever had resident. What getrusage tells is asked for only where nothing else is, outside
 * Linux and in sandboxes such as gVisor: on Linux it includes what the process had that this one was forked from.
 */
export function mostResident(): number {
  return residentOf('self', 'VmHWM') ?? 1024 * process.resourceUsage().maxRSS
}
