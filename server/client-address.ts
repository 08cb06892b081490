import { isIP } from 'node:net'
import type { Express, Request } from 'express'

/** Has an app believe X-Forwarded-For of these proxies, which may stand in it with their ports. */
export function trustProxies(app: Express, proxies: readonly string[]): void {
  app.set('trust proxy', proxies)
  const trusts: (address: string, hop: number) => boolean = app.get('trust proxy fn')
  app.set('trust proxy', (address: string, hop: number) => trusts(withoutPort(address), hop))
}

/**
 * The address that a request comes from: behind a proxy that is trusted the one that it names, without its port, which
 * would make a client of every connection. Where that is none, the proxy's.
 */
export function clientAddress({ ip = '', socket }: Request): string {
  const address = withoutPort(ip)
  return isIP(address) === 0 ? (socket.remoteAddress ?? '') : address
}

/** An address without the port that some proxies add: `192.0.2.1:5000`, `[2001:db8::1]:5000`. */
function withoutPort(text: string): string {
  const [, bracketed, dotted] = /^(?:\[(.+)\](?::\d+)?|([\d.]+):\d+)$/.exec(text) ?? []
  return bracketed ?? dotted ?? text
}
