import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import ipaddr from 'ipaddr.js'

/** Answers virtual machines of a cloud with their keys, though by its number it is an address like any other. */
const AZURE_METADATA = '168.63.129.16'

/** Whether an address is one of the public Internet: no network of one's own, no host itself, no way around either. */
export function isPublic(address: string): boolean {
  if (isIP(address) === 0 || address === AZURE_METADATA) return false
  const parsed = ipaddr.parse(address)
  // Of IPv6, 2000::/3 alone has been given out (RFC 4291, section 2.4), tunnels and documentation excepted.
  const isGiven = parsed instanceof ipaddr.IPv4 || parsed.match(ipaddr.IPv6.parseCIDR('2000::/3'))
  return isGiven && parsed.range() === 'unicast' && !ownAddresses().has(parsed.toNormalizedString())
}

/** Those of this machine: what is connected to by them never leaves it, so that no firewall stands before it. */
function ownAddresses(): Set<string> {
  const own = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
  return new Set(own.map(({ address }) => ipaddr.parse(address).toNormalizedString()))
}
