import type { LookupAddress } from 'node:dns'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { get as httpsGet } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { expected, ShowtellError } from '../errors.js'
import { Blocks, joined } from './blocks.js'
import { tooLarge } from './body.js'
import { isPublic } from './public-address.js'

const MOST_REDIRECTS = 3
const REDIRECTS: ReadonlySet<number | undefined> = new Set([301, 302, 303, 307, 308])

export interface FetchLimits {
  /** Most bytes of the photo. */
  readonly bytes: number
  /** Most ms from the first connection to the last byte, redirects included. */
  readonly timeout: number
  /** Raised when nobody waits for the photo any more. */
  readonly gone: AbortSignal
  /** Told of bytes before they are kept; throws where there is no room for them. */
  readonly hold: (bytes: number) => void
  /** Which addresses may be connected to. */
  readonly allows?: (address: string) => boolean
}

/**
 * The bytes at an http or https address that somebody unknown gave, fetched from public addresses only. Each name is
 * looked up once, here and for each redirect, and what is connected to is what was checked: a name that resolves to
 * something else a moment later (DNS rebinding) gains nothing. No key, cookie or proxy goes along.
 * @param where the name of the photo in errors.
 * @throws ShowtellError INVALID_ARGUMENT for another kind of address, INVALID_IMAGE when nothing can be had there or it
 * comes in very many pieces, IMAGE_TOO_LARGE, or what `hold` throws.
 */
export async function fetchUrl(address: string, where: string, limits: FetchLimits): Promise<Uint8Array> {
  const signal = AbortSignal.any([AbortSignal.timeout(limits.timeout), limits.gone])
  let url = webAddress(address, where)
  try {
    for (let redirects = 0; ; redirects++) {
      const response = await open(url, signal, limits.allows ?? isPublic)
      try {
        if (response.statusCode === 200) return await collect(response, where, limits)
        const { location } = response.headers
        if (!REDIRECTS.has(response.statusCode) || location === undefined)
          throw unreachable(where, `its server answered ${response.statusCode}`)
        if (redirects === MOST_REDIRECTS)
          throw unreachable(where, `it leads on more than ${MOST_REDIRECTS} times`)
        url = webAddress(location, where, url)
      } finally {
        response.destroy()
      }
    }
  } catch (error) {
    if (error instanceof ShowtellError) throw error
    // No more than this: whether a name exists inside, or what is wrong there, is nothing for strangers.
    throw unreachable(
      where,
      signal.aborted ? `it took longer than ${limits.timeout} ms` : 'no public server answered',
      error,
    )
  }
}

function webAddress(address: string, where: string, base?: URL): URL {
  const url = URL.canParse(address, base?.href) ? new URL(address, base) : undefined
  const isWeb = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (url === undefined || !isWeb || url.username !== '' || url.password !== '')
    throw expected('an http or https address without a password', `url of ${where}`, address)
  return url
}

async function open(
  url: URL,
  signal: AbortSignal,
  allows: (address: string) => boolean,
): Promise<IncomingMessage> {
  // A number in place of a name is connected to without being looked up.
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 && !allows(host)) throw new Error(`${host} is not public`)
  const lookup: LookupFunction = (name, options, done) => {
    addressesOf(name, signal).then(
      (addresses) => {
        const closed = addresses.find(({ address }) => !allows(address))
        if (closed !== undefined) done(new Error(`${closed.address} is not public`), [])
        else if (options.all === true) done(null, addresses)
        else done(null, addresses[0]!.address, addresses[0]!.family)
      },
      (error: Error) => done(error, []),
    )
  }
  const request = (url.protocol === 'https:' ? httpsGet : httpGet)(url, {
    agent: false,
    lookup,
    signal,
    headers: { Accept: 'image/*', 'User-Agent': 'showtell' },
  })
  // What goes wrong after the head is an error of the response; here it would end the process.
  request.on('error', () => {})
  // Node destroys a request whose answer is 101 without another word: the signal alone ends the wait for that one.
  const [response] = (await once(request, 'response', { signal })) as [IncomingMessage]
  return response
}

/**
 * Asks the name servers and nobody else. The system's resolver would know names of the inside too, and it keeps a thread
 * waiting, of which there are four, the same that decode photos.
 */
async function addressesOf(name: string, signal: AbortSignal): Promise<LookupAddress[]> {
  const resolver = new Resolver()
  const onAbort = (): void => resolver.cancel()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const [four, six] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    const addresses = [
      ...(four.status === 'fulfilled' ? four.value.map((address) => ({ address, family: 4 })) : []),
      ...(six.status === 'fulfilled' ? six.value.map((address) => ({ address, family: 6 })) : []),
    ]
    if (addresses.length === 0) throw new Error(`${name} has no address`)
    return addresses
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function collect(response: IncomingMessage, where: string, limits: FetchLimits): Promise<Uint8Array> {
  let received = 0
  const take = (bytes: number): void => {
    received += bytes
    if (received > limits.bytes) throw tooLarge(limits.bytes, where, 'more')
    limits.hold(bytes)
  }
  return pipeline(response, new Blocks(where, take, undefined, 'INVALID_IMAGE'), joined)
}

function unreachable(where: string, why: string, cause?: unknown): ShowtellError {
  return new ShowtellError('INVALID_IMAGE', `Expected to fetch ${where} but ${why}`, { where, cause })
}
