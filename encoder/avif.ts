/** A box of a file, or inside another one: where what is in it begins and ends. */
export interface Box {
  readonly type: string
  readonly start: number
  readonly end: number
}

/** Told of so many blocks before they are gone through; throws where a file has too many. */
export type Count = (blocks: number) => void

/** ISO/IEC 14496-12, section 4.2: length and type, then what is inside; a length of 0 goes up to the end. */
export function* boxesIn(file: Buffer, start: number, end: number, count: Count): Generator<Box> {
  for (let at = start; at + 8 <= end; ) {
    count(1)
    const short = file.readUInt32BE(at)
    const isLong = short === 1 && at + 16 <= end
    const length = isLong ? Number(file.readBigUInt64BE(at + 8)) : short
    const type = file.toString('latin1', at + 4, at + 8)
    yield { type, start: at + (isLong ? 16 : 8), end: length === 0 ? end : Math.min(end, at + length) }
    if (length < 8) return
    at += length
  }
}

/** What the items of a file are and how they hang together (ISO/IEC 23008-12, sections 6 and 9.3). */
interface Items {
  /** Pixels of each. */
  readonly pixels: ReadonlyMap<number, number>
  /** Of what each is put together, such as the tiles of a grid; a tile as often as it is used. */
  readonly parts: ReadonlyMap<number, readonly number[]>
  /** What goes along with each, such as its alpha. */
  readonly auxiliary: ReadonlyMap<number, readonly number[]>
}

/**
 * Pixels that decoding an AVIF has to hold. The picture may be put together from others, or have an alpha, of any size,
 * which are decoded whole, of which its own size tells nothing. 0 where the file has no such picture.
 * @param count told of what is inside `meta`; who walks through the file counts its boxes.
 * @throws Error when its boxes are not whole, and what `count` throws.
 */
export function avifPixels(file: Buffer, count: Count): number {
  try {
    for (const meta of boxesIn(file, 0, file.length, () => {}))
      if (meta.type === 'meta') return pixelsOfMeta(file, { ...meta, start: meta.start + 4 }, count)
    return 0
  } catch (cause) {
    if (cause instanceof RangeError) throw new Error('its boxes are cut off', { cause })
    throw cause
  }
}

function pixelsOfMeta(file: Buffer, meta: Box, count: Count): number {
  const inside = [...boxesIn(file, meta.start, meta.end, count)]
  const primary = inside.find(({ type }) => type === 'pitm')
  if (primary === undefined) return 0
  const references = inside.filter(({ type }) => type === 'iref')
  const items = {
    pixels: new Map(inside.filter(({ type }) => type === 'iprp').flatMap((box) => sizesOf(file, box, count))),
    parts: new Map<number, number[]>(),
    auxiliary: new Map<number, number[]>(),
  }
  for (const box of references)
    for (const { type, from, to } of referencesOf(file, box, count)) {
      if (type === 'dimg') listOf(items.parts, from).push(...to)
      if (type === 'auxl') for (const item of to) listOf(items.auxiliary, item).push(from)
    }
  const isShort = file[primary.start] === 0
  const id = isShort ? file.readUInt16BE(primary.start + 4) : file.readUInt32BE(primary.start + 4)
  return pixelsOf(id, items, new Map())
}

/** Tiles are in memory together, beside the picture that they make up; an alpha is decoded when that is done. */
function pixelsOf(id: number, items: Items, known: Map<number, number>): number {
  const before = known.get(id)
  if (Number.isNaN(before)) throw new Error('a picture in it is a part of itself')
  if (before !== undefined) return before
  known.set(id, Number.NaN)
  const parts = (items.parts.get(id) ?? []).reduce((sum, part) => sum + pixelsOf(part, items, known), 0)
  const along = (items.auxiliary.get(id) ?? []).map((item) => pixelsOf(item, items, known))
  const pixels = along.reduce((most, one) => Math.max(most, one), Math.max(items.pixels.get(id) ?? 0, parts))
  known.set(id, pixels)
  return pixels
}

/** The items that have a size (`ispe`), with the pixels of the largest that each is given. */
function sizesOf(file: Buffer, properties: Box, count: Count): [item: number, pixels: number][] {
  const boxes = [...boxesIn(file, properties.start, properties.end, count)]
  const container = boxes.find(({ type }) => type === 'ipco')
  if (container === undefined) return []
  const sizes = [...boxesIn(file, container.start, container.end, count)].map(({ type, start }) =>
    type === 'ispe' ? file.readUInt32BE(start + 4) * file.readUInt32BE(start + 8) : 0,
  )
  const found = new Map<number, number>()
  for (const { start } of boxes.filter(({ type }) => type === 'ipma')) {
    const [idLength, indexLength] = [file[start] === 0 ? 2 : 4, (file[start + 3]! & 1) + 1]
    let at = start + 8
    for (let entries = file.readUInt32BE(start + 4); entries > 0; entries--) {
      const item = file.readUIntBE(at, idLength)
      at += idLength + 1
      count(1 + file.readUInt8(at - 1))
      for (let properties = file.readUInt8(at - 1); properties > 0; properties--) {
        // The first bit says whether a reader has to know the property.
        const index = file.readUIntBE(at, indexLength) & (indexLength === 2 ? 0x7fff : 0x7f)
        found.set(item, Math.max(found.get(item) ?? 0, sizes[index - 1] ?? 0))
        at += indexLength
      }
    }
  }
  return [...found]
}

function* referencesOf(
  file: Buffer,
  box: Box,
  count: Count,
): Generator<{ type: string; from: number; to: number[] }> {
  const idLength = file[box.start] === 0 ? 2 : 4
  for (const { type, start } of boxesIn(file, box.start + 4, box.end, count)) {
    const items = file.readUInt16BE(start + idLength)
    count(items)
    const first = start + idLength + 2
    const to = Array.from({ length: items }, (_, i) => file.readUIntBE(first + i * idLength, idLength))
    yield { type, from: file.readUIntBE(start, idLength), to }
  }
}

function listOf(lists: Map<number, number[]>, item: number): number[] {
  const list = lists.get(item) ?? []
  lists.set(item, list)
  return list
}
