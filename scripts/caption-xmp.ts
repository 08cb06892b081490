import { readFile } from 'node:fs/promises'
import { DOMParser, type Document, type Element, type Node, XMLSerializer } from '@xmldom/xmldom'
import { expected, messageOf, ShowtellError } from '../errors.js'
import { writeWhole } from './whole-file.js'

const RDF = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#'
const XML = 'http://www.w3.org/XML/1998/namespace'
const IPTC_CORE = 'http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/'
/** IPTC Photo Metadata Standard, Alt Text (Accessibility): a language alternative. */
const ALT_TEXT = 'AltTextAccessibility'
const DEFAULT_LANGUAGE = 'x-default'

const EMPTY = `<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
  <rdf:RDF xmlns:rdf="${RDF}">
    <rdf:Description rdf:about="" xmlns:Iptc4xmpCore="${IPTC_CORE}"/>
  </rdf:RDF>
</x:xmpmeta>
`

/**
 * The sidecar of a photo, `cat.jpg.xmp` for `cat.jpg`. That is where digiKam, darktable and Immich look, and a JPEG
 * and a PNG of one name have one each. Lightroom and Bridge read `cat.xmp`, but of raw photos only, never of a JPEG.
 */
export function sidecarOf(photo: string): string {
  return `${photo}.xmp`
}

/**
 * Writes a caption into the sidecar of a photo as IPTC alt text. What else the sidecar holds stays as it is.
 * @param replace whether to replace an alt text that is there; it is kept otherwise, since a person may have written it.
 * @returns whether the sidecar says `text` now.
 * @throws ShowtellError INVALID_DATA for a sidecar that is no XMP; it is left as it is.
 */
export async function writeAltText(photo: string, text: string, replace: boolean): Promise<boolean> {
  const { xmp, rdf } = await read(photo)
  if (defaultTextOf(rdf) === text) return true
  if (altTextOf(rdf) !== '' && !replace) return false
  setAltText(rdf, text)
  await writeWhole(sidecarOf(photo), new XMLSerializer().serializeToString(xmp))
  return true
}

/** Whether `writeAltText` keeps what the sidecar of a photo says. @throws ShowtellError INVALID_DATA as that does. */
export async function hasAltText(photo: string): Promise<boolean> {
  return altTextOf((await read(photo)).rdf) !== ''
}

/** What the sidecar of a photo holds, or one without an alt text where there is none. */
async function read(photo: string): Promise<{ xmp: Document; rdf: Element }> {
  const file = sidecarOf(photo)
  const before = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  const xmp = parse(before === undefined ? EMPTY : decode(before, file), file)
  const rdf = first(xmp, RDF, 'RDF')
  if (rdf === undefined)
    throw expected('an rdf:RDF element', file, xmp.documentElement?.tagName, 'INVALID_DATA')
  return { xmp, rdf }
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new ShowtellError('INVALID_DATA', `Expected UTF-8 in ${file} but it is not`, { where: file, cause })
  }
}

function parse(text: string, file: string): Document {
  try {
    return new DOMParser({ onError: refuse }).parseFromString(text, 'text/xml')
  } catch (cause) {
    throw new ShowtellError('INVALID_DATA', `Expected XML in ${file} but ${messageOf(cause)}`, {
      where: file,
      cause,
    })
  }
}

/** What the parser would mend silently may not be written back. */
function refuse(_level: 'warning' | 'error' | 'fatalError', message: string): never {
  throw new Error(message.split('\n')[0])
}

/** Some write it as an attribute, which no language alternative may be. */
function shorthandOf(rdf: Element): Element | undefined {
  const descriptions = [...rdf.getElementsByTagNameNS(RDF, 'Description')]
  return descriptions.find((element) => element.hasAttributeNS(IPTC_CORE, ALT_TEXT))
}

function shorthandTextOf(rdf: Element): string | null | undefined {
  return shorthandOf(rdf)?.getAttributeNS(IPTC_CORE, ALT_TEXT)
}

/** What is said, in every language; empty where there is no alt text. */
function altTextOf(rdf: Element): string {
  return (shorthandTextOf(rdf) ?? first(rdf, IPTC_CORE, ALT_TEXT)?.textContent ?? '').trim()
}

/** What is said to whoever asks for no language: the default, or the first where none is marked as such. */
function defaultTextOf(rdf: Element): string {
  const property = first(rdf, IPTC_CORE, ALT_TEXT)
  const items = property === undefined ? [] : itemsOf(property)
  // What has no items is plain text.
  const said = items.find(isDefault) ?? items[0] ?? property
  return (shorthandTextOf(rdf) ?? said?.textContent ?? '').trim()
}

function itemsOf(parent: Element): Element[] {
  return [...parent.getElementsByTagNameNS(RDF, 'li')]
}

function isDefault(item: Element): boolean {
  return item.getAttributeNS(XML, 'lang') === DEFAULT_LANGUAGE
}

function setAltText(rdf: Element, text: string): void {
  shorthandOf(rdf)?.removeAttributeNS(IPTC_CORE, ALT_TEXT)
  const property =
    first(rdf, IPTC_CORE, ALT_TEXT) ?? add(descriptionOf(rdf), IPTC_CORE, `Iptc4xmpCore:${ALT_TEXT}`)
  let alternatives = first(property, RDF, 'Alt')
  if (alternatives === undefined) {
    property.textContent = ''
    alternatives = add(property, RDF, 'rdf:Alt')
  }
  let item = itemsOf(alternatives).find(isDefault)
  if (item === undefined) {
    // XMP wants the default first.
    item = add(alternatives, RDF, 'rdf:li', alternatives.firstChild)
    item.setAttributeNS(XML, 'xml:lang', DEFAULT_LANGUAGE)
  }
  item.textContent = text
}

/** The description of the photo itself, which any property may stand in. */
function descriptionOf(rdf: Element): Element {
  const found = first(rdf, RDF, 'Description')
  if (found !== undefined) return found
  const made = add(rdf, RDF, 'rdf:Description')
  made.setAttributeNS(RDF, 'rdf:about', '')
  return made
}

function first(parent: Document | Element, namespace: string, name: string): Element | undefined {
  return parent.getElementsByTagNameNS(namespace, name)[0]
}

function add(parent: Element, namespace: string, name: string, before: Node | null = null): Element {
  const element = parent.ownerDocument!.createElementNS(namespace, name)
  parent.insertBefore(element, before)
  return element
}
