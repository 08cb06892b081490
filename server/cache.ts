import { createHash, webcrypto } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import pLimit from 'p-limit'
import type { CaptionOptions } from '../decoder/options.js'
import type { Caption, ModelDescription } from '../decoder/types.js'
import { RELEASE } from '../release.js'
import type { UploadedPhoto } from './body.js'

/** What an entry costs beside its text: the key, and what the cache keeps of it. */
const ENTRY_BYTES = 256

/** Photos hashed together, over all requests: Node.js has four threads for it, and each has a copy of its photo. */
const hashing = pLimit(4)

/**
 * What stands for the photos of a request: equal where content, options, model, engine and this package are, and so the
 * captions.
 */
export interface Fingerprints {
  /** The model itself: another that was loaded since may have the same version. */
  readonly model: Pick<ModelDescription, 'version' | 'engine'>
  /** One a photo; none for a photo that is known to be bad. */
  readonly photos: readonly (string | undefined)[]
}

/** Hashes photos; the event loop stays free. */
export async function fingerprintsOf(
  photos: readonly UploadedPhoto[],
  options: CaptionOptions,
  model: Fingerprints['model'],
): Promise<Fingerprints> {
  // Validated options have every name, in one order.
  const request = JSON.stringify([RELEASE, model.engine, model.version, options])
  const hashed = photos.map(async ({ content }) => {
    if (!(content instanceof Uint8Array)) return undefined
    const digest = await hashing(() => webcrypto.subtle.digest('SHA-256', content))
    return createHash('sha256').update(request).update(new Uint8Array(digest)).digest('base64url')
  })
  return { model, photos: await Promise.all(hashed) }
}

/**
 * The entity tag of an answer; none where a photo is bad. Weak, since request id and timing differ (RFC 9110, section
 * 8.8.1).
 */
export function tagOf({ photos }: Fingerprints): string | undefined {
  if (photos.includes(undefined)) return undefined
  return `W/"${createHash('sha256').update(photos.join()).digest('base64url').slice(0, 27)}"`
}

/** Whether an If-None-Match header names the tag (RFC 9110, section 13.1.2, weak comparison). */
export function matches(header: string, tag: string): boolean {
  const opaque = (text: string): string => text.trim().replace(/^W\//, '')
  return header.split(',').some((each) => opaque(each) === opaque(tag))
}

/** Captions of photos seen lately, as JSON, so that their bytes can be counted. */
export class CaptionCache {
  readonly #entries: LRUCache<string, string> | undefined

  /** @param bytes most bytes of all entries; 0 keeps nothing. */
  constructor(bytes: number) {
    if (bytes > 0)
      this.#entries = new LRUCache({
        maxSize: bytes,
        sizeCalculation: (text) => ENTRY_BYTES + Buffer.byteLength(text),
      })
  }

  /** Bytes of all entries. */
  get bytes(): number {
    return this.#entries?.calculatedSize ?? 0
  }

  get(fingerprint: string): Caption[] | undefined {
    const text = this.#entries?.get(fingerprint)
    return text === undefined ? undefined : JSON.parse(text)
  }

  set(fingerprint: string, captions: readonly Caption[]): void {
    this.#entries?.set(fingerprint, JSON.stringify(captions))
  }
}
