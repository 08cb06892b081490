import { promisify } from 'node:util'
import { constants, inflate } from 'node:zlib'
import { avifPixels, boxesIn } from './avif.js'
import type { Picture } from './decode-memory.js'

/** What may be opened, by sharp's name for it. */
export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'heif' | 'gif'

/** Metadata of a photo, unpacked, bytes. A 400 kB PNG can hold texts that unpack to gigabytes. */
const MOST_METADATA = 16 * 2 ** 20
/** Texts and profiles of a PNG that are packed; each is unpacked to see how large it is. */
const MOST_PACKED = 100
/** A progressive JPEG has about ten. Each costs a pass over the whole picture, however short it is in the file. */
const MOST_SCANS = 100
/** A file may have this many blocks, and beyond that one in so many of its bytes. */
const FREE_BLOCKS = 10_000
const BYTES_A_BLOCK = 64

/** The format by the first bytes of a file, 12 or more; undefined for everything else. */
export function formatOf(head: Uint8Array): ImageFormat | undefined {
  const text = (from: number, to: number): string => Buffer.from(head.subarray(from, to)).toString('latin1')
  if (text(0, 3) === '\xff\xd8\xff') return 'jpeg'
  if (text(0, 8) === '\x89PNG\r\n\x1a\n') return 'png'
  if (text(0, 6) === 'GIF87a' || text(0, 6) === 'GIF89a') return 'gif'
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return 'webp'
  return text(4, 8) === 'ftyp' ? 'heif' : undefined
}

/** What decoding depends on and the head of a file does not tell. */
export interface Found extends Pick<Picture, 'coefficients' | 'decodedPixels'> {
  /** Of a JPEG that has several: each is a pass over the whole picture. */
  readonly scans?: number
}

/**
 * Walks through the blocks of a file before a decoder sees it, for what decoders take without measure: metadata,
 * scans, blocks without end. In what is inside them the decoders themselves find the errors.
 * @throws Error saying what is wrong.
 */
export async function checkStructure(bytes: Uint8Array, format: ImageFormat): Promise<Found> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return (await WALKS[format](file, new Tally(FREE_BLOCKS + file.length / BYTES_A_BLOCK))) ?? {}
}

/**
 * What else a file is that begins like an image: something that would be unpacked or run by whoever took it for that.
 * What cameras append to a photo, such as a short film, is none of these.
 */
export function otherKind(bytes: Uint8Array): string | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // Where readers of PDF and browsers look for the start of theirs.
  const head = file.toString('latin1', 0, 1024)
  if (head.includes('%PDF-')) return 'a PDF document'
  if (/<(?:!doctype|html|script|svg|\?php)\b/i.test(head)) return 'a web page'
  // A ZIP archive is read from its end: a record of 22 bytes and a comment, which nothing follows.
  const tail = file.subarray(Math.max(0, file.length - 22 - 0xffff))
  for (
    let at = tail.indexOf('PK\x05\x06', 0, 'latin1');
    at >= 0;
    at = tail.indexOf('PK\x05\x06', at + 1, 'latin1')
  )
    if (at + 22 <= tail.length && at + 22 + tail.readUInt16LE(at + 20) === tail.length) return 'a ZIP archive'
  return undefined
}

/** Counts what a walk goes through. */
class Tally {
  #blocks = 0
  #metadata = 0
  #packed = 0

  constructor(private readonly mostBlocks: number) {}

  /** Bytes of metadata that are still allowed. */
  get room(): number {
    return MOST_METADATA - this.#metadata
  }

  block(count = 1): void {
    this.#blocks += count
    if (this.#blocks > this.mostBlocks) throw new Error('it is made of too many blocks')
  }

  packed(): void {
    if (++this.#packed > MOST_PACKED) throw new Error(`it holds more than ${MOST_PACKED} packed texts`)
  }

  metadata(bytes: number): void {
    this.#metadata += bytes
    if (this.room < 0) throw new Error(`it holds more than ${MOST_METADATA} bytes of metadata`)
  }
}

const WALKS: Readonly<Record<ImageFormat, (file: Buffer, tally: Tally) => Found | void | Promise<void>>> =
  Object.freeze({ jpeg: walkJpeg, png: walkPng, gif: walkGif, webp: walkWebp, heif: walkBoxes })

const END_OF_JPEG = Buffer.of(0xff, 0xd9)

/** ITU-T T.81, annex B: segments after markers, and scans up to the next marker. */
function walkJpeg(file: Buffer, tally: Tally): Found {
  let scans = 0
  let isProgressive = false
  let components = 0
  let coefficients = 0
  for (let at = file.indexOf(0xff, 2); at >= 0 && at + 4 <= file.length; at = file.indexOf(0xff, at)) {
    tally.block()
    const marker = file[at + 1]!
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
    // Stuffing, fill, restarts: nothing follows that has a length.
    if (marker === 0 || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) at += 2
    else if (marker === 0xff) at += 1
    else if (marker === 0xd9) break
    else {
      const length = file.readUInt16BE(at + 2)
      // Tables too: nobody needs more than a few.
      tally.metadata(length)
      if (isFrame) {
        isProgressive = (marker & 3) === 2
        components = file[at + 9] ?? 0
        coefficients = Math.max(coefficients, coefficientsOf(file.subarray(at + 10, at + 2 + length)))
      }
      // The only scan of a picture is decoded as it comes, once.
      if (marker === 0xda && !isProgressive && file[at + 4] === components) {
        // Whether libjpeg misses a cut end depends on how far its threads got.
        if (!file.includes(END_OF_JPEG, at)) throw new Error('it has no end')
        break
      }
      if (marker === 0xda && ++scans > MOST_SCANS) throw new Error(`it has more than ${MOST_SCANS} scans`)
      at += 2 + length
    }
  }
  return { coefficients, scans }
}

/**
 * Coefficients of a pixel, by the sampling factors of the components of a frame: three bytes each, the second both. A
 * factor of 0, which there is not, counts as 1.
 */
function coefficientsOf(components: Buffer): number {
  const factors = [...components]
    .filter((_, i) => i % 3 === 1)
    .map((both) => [both >> 4 || 1, both & 15 || 1] as const)
  const area = Math.max(...factors.map(([h]) => h)) * Math.max(...factors.map(([, v]) => v))
  return factors.reduce((sum, [h, v]) => sum + (h * v) / area, 0)
}

const PNG_PICTURE = new Set(['IHDR', 'PLTE', 'IDAT', 'fdAT', 'fcTL', 'tRNS'])

/** PNG (ISO/IEC 15948), section 5.3: length, type, data, sum. */
async function walkPng(file: Buffer, tally: Tally): Promise<void> {
  for (let at = 8; at + 12 <= file.length; ) {
    tally.block()
    const length = file.readUInt32BE(at)
    const type = file.toString('latin1', at + 4, at + 8)
    const data = file.subarray(at + 8, at + 8 + length)
    if (type === 'IEND') return
    if (!PNG_PICTURE.has(type)) tally.metadata(length)
    const packed = packedPart(type, data)
    if (packed !== undefined) {
      tally.packed()
      tally.metadata(await unpackedLength(packed, tally.room))
    }
    at += 12 + length
  }
  throw new Error('it ends before its last chunk')
}

/** The deflated part of a chunk: after a keyword, and in iTXt after a language and a translation (section 11.3). */
function packedPart(type: string, data: Buffer): Buffer | undefined {
  if (type !== 'zTXt' && type !== 'iCCP' && type !== 'iTXt') return undefined
  const keyword = data.indexOf(0)
  if (keyword < 0) return undefined
  if (type !== 'iTXt') return data.subarray(keyword + 2)
  if (data[keyword + 1] !== 1) return undefined
  const language = data.indexOf(0, keyword + 3)
  const translation = language < 0 ? -1 : data.indexOf(0, language + 1)
  return translation < 0 ? undefined : data.subarray(translation + 1)
}

async function unpackedLength(packed: Buffer, most: number): Promise<number> {
  try {
    // What is cut off counts as far as it goes: a decoder would unpack as much.
    const options = { maxOutputLength: Math.max(1, most), finishFlush: constants.Z_SYNC_FLUSH }
    return (await promisify(inflate)(packed, options)).length
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? most + 1 : 0
  }
}

/** GIF89a, sections 15 to 27: screen, extensions and frames, each with sub-blocks of up to 255 bytes. */
function walkGif(file: Buffer, tally: Tally): void {
  const tableLength = (flags: number): number => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0)
  let at = 13 + tableLength(file[10] ?? 0)
  const subBlocks = (): number => {
    const start = at
    for (; file[at]; at += file[at]! + 1) tally.block()
    return ++at - start
  }
  while (at < file.length) {
    tally.block()
    const introducer = file[at]
    if (introducer === 0x21) {
      at += 2
      tally.metadata(subBlocks())
    } else if (introducer === 0x2c) {
      at += 11 + tableLength(file[at + 9] ?? 0)
      subBlocks()
    } else if (introducer === 0x3b) return
    // Something between the blocks: what the decoder makes of it is its own affair.
    else at++
  }
  throw new Error('it ends before its last block')
}

const WEBP_PICTURE = new Set(['VP8 ', 'VP8L', 'ALPH', 'ANMF'])

/** RIFF: type, length, data of even length. */
function walkWebp(file: Buffer, tally: Tally): void {
  for (let at = 12; at + 8 <= file.length; ) {
    tally.block()
    const length = file.readUInt32LE(at + 4)
    if (!WEBP_PICTURE.has(file.toString('latin1', at, at + 4))) tally.metadata(length)
    at += 8 + length + (length % 2)
  }
}

/** ISO/IEC 14496-12, section 4.2: the boxes of the file. */
function walkBoxes(file: Buffer, tally: Tally): Found {
  const count = (blocks: number) => tally.block(blocks)
  for (const { type, start, end } of boxesIn(file, 0, file.length, count)) {
    if (type !== 'mdat') tally.metadata(end - start)
  }
  return { decodedPixels: avifPixels(file, count) }
}
