import { networkInterfaces } from 'node:os'
import { describe, expect, it, vi } from 'vitest'
import { isPublic } from './public-address.js'

vi.mock('node:os', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:os')>()
  return { ...original, networkInterfaces: vi.fn(original.networkInterfaces) }
})

describe('isPublic', () => {
  // The registries of special-purpose addresses (RFC 6890 and its successors), and what clouds answer with keys.
  it.each([
    ['this host', '0.0.0.0', '0.1.2.3', '::'],
    ['loopback', '127.0.0.1', '127.255.0.1', '::1'],
    ['private', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.0.1', 'fc00::1', 'fd12::1'],
    ['carrier-grade NAT', '100.64.0.1', '100.127.255.255'],
    ['link-local', '169.254.0.1', 'fe80::1', 'fe80::1%eth0', 'fec0::1'],
    ['metadata', '169.254.169.254', '100.100.100.200', '192.0.0.192', '168.63.129.16', 'fd00:ec2::254'],
    ['IPv4 in IPv6', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::127.0.0.1', '::ffff:0:127.0.0.1'],
    ['NAT64', '64:ff9b::7f00:1', '64:ff9b:1::a00:1'],
    ['tunnels', '2002:7f00:1::', '2001::1', '192.88.99.1'],
    ['documentation', '192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1'],
    ['benchmarking', '198.18.0.1', '198.19.255.255'],
    ['multicast and broadcast', '224.0.0.1', '255.255.255.255', 'ff02::1'],
    ['reserved', '240.0.0.1', '100::1', '4000::1', '5f00::1', '8000::1'],
    ['no address', '', 'localhost', '1.2.3', '::g'],
  ])('is none of %s', (_kind, ...addresses) => {
    expect(addresses.filter(isPublic)).toEqual([])
  })

  it('is none of this machine itself, in whatever network it stands', () => {
    const address = '8.8.4.4'
    const family = { address, netmask: '255.255.255.0', family: 'IPv4', mac: '', internal: false } as const
    expect(isPublic(address)).toBe(true)
    vi.mocked(networkInterfaces).mockReturnValueOnce({ eth0: [{ ...family, cidr: `${address}/24` }] })
    expect(isPublic(address)).toBe(false)
  })

  it('is what anybody can reach', () => {
    const addresses = ['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.63.0.1', '169.253.1.1', '2606:4700::1111']
    expect(addresses.filter((address) => !isPublic(address))).toEqual([])
  })
})
