import { isIP } from 'node:net'
import type { Request } from 'express'

/**
 * The address that a request comes from: behind a proxy that is trusted the one that it names, without the port that some
 * add (`192.0.2.1:5000`, `[2001:db8::1]:5000`), which would make a client of every connection. Where that is none, the proxy's.
 */
export function clientAddress({ ip = '', socket }: Request): string {
  const [, bracketed, dotted] = /^(?:\[(.+)\](?::\d+)?|([\d.]+):\d+)$/.exec(ip) ?? []
  const address = bracketed ?? dotted ?? ip
  return isIP(address) === 0 ? (socket.remoteAddress ?? '') : address
}
