import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DOMParser, type Element } from '@xmldom/xmldom'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { hasAltText, sidecarOf, writeAltText } from './caption-xmp.js'

const RDF = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#'
const IPTC = 'http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/'

let folder: string
let photo: string
beforeEach(() => {
  folder = temporaryFolder('xmp', onTestFinished)
  photo = join(folder, 'cat.jpg')
})

const sidecar = (): Promise<string> => readFile(sidecarOf(photo), 'utf8')
const existing = (text: string): Promise<void> => writeFile(sidecarOf(photo), text)

/** The alt text of each language, in the order of the file. */
async function altTexts(): Promise<[string | null, string | null][]> {
  const xmp = new DOMParser().parseFromString(await sidecar(), 'text/xml')
  const properties = [...xmp.getElementsByTagNameNS(IPTC, 'AltTextAccessibility')]
  expect(properties).toHaveLength(1)
  // The shape that XMP gives a language alternative: property, rdf:Alt, rdf:li.
  const elements = (parent: Element): Element[] => [...parent.children]
  const [alternatives, ...more] = elements(properties[0]!)
  expect(more).toEqual([])
  expect([alternatives?.namespaceURI, alternatives?.localName]).toEqual([RDF, 'Alt'])
  expect(properties[0]!.parentNode?.nodeName).toBe('rdf:Description')
  return elements(alternatives!).map((item) => [item.getAttribute('xml:lang'), item.textContent])
}

const rdf = (inside: string): string =>
  `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="${RDF}">${inside}</rdf:RDF></x:xmpmeta>`
const described = (inside: string, attributes = ''): string =>
  rdf(`<rdf:Description rdf:about="" xmlns:iptc="${IPTC}" ${attributes}>${inside}</rdf:Description>`)

describe('the alt text of a photo', () => {
  it('stands in a sidecar of its own', async () => {
    expect(await hasAltText(photo)).toBe(false)
    expect(await writeAltText(photo, 'A man & his "dog" <run>.', false)).toBe(true)
    expect(await hasAltText(photo)).toBe(true)
    expect(await altTexts()).toEqual([['x-default', 'A man & his "dog" <run>.']])
    expect(await readdir(folder)).toEqual(['cat.jpg.xmp'])
  })

  it('joins what a sidecar holds, which stays as it is', async () => {
    const before = `<?xpacket begin="\u{feff}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<!-- edited by hand -->
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 5.5.0">
 <rdf:RDF xmlns:rdf="${RDF}">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:lr="urn:lr" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4" lr:note="two&#10;lines">
   <dc:subject><rdf:Bag><rdf:li>cats &amp; dogs</rdf:li><rdf:li>Zürich</rdf:li></rdf:Bag></dc:subject>
   <lr:steps><![CDATA[a < b]]></lr:steps>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>`
    await existing(before)
    expect(await writeAltText(photo, 'A cat.', false)).toBe(true)
    expect(await altTexts()).toEqual([['x-default', 'A cat.']])
    const added = /<(\w+):AltTextAccessibility[\s\S]*<\/\1:AltTextAccessibility>/
    expect((await sidecar()).replace(added, '')).toBe(before)
  })

  it('gets a description where the sidecar has none', async () => {
    await existing(rdf(''))
    expect(await hasAltText(photo)).toBe(false)
    expect(await writeAltText(photo, 'A cat.', false)).toBe(true)
    expect(await altTexts()).toEqual([['x-default', 'A cat.']])
  })

  it.each([
    [
      'a language alternative',
      described(
        '<iptc:AltTextAccessibility><rdf:Alt><rdf:li xml:lang="x-default">Mine.</rdf:li></rdf:Alt></iptc:AltTextAccessibility>',
      ),
    ],
    ['plain text', described('<iptc:AltTextAccessibility>Mine.</iptc:AltTextAccessibility>')],
    ['an attribute', described('', 'iptc:AltTextAccessibility="Mine."')],
  ])('is kept as it is, %s, and replaced only when told to', async (_, before) => {
    await existing(before)
    expect(await hasAltText(photo)).toBe(true)
    expect(await writeAltText(photo, 'A cat.', false)).toBe(false)
    expect(await sidecar()).toBe(before)
    expect(await writeAltText(photo, 'A cat.', true)).toBe(true)
    expect(await altTexts()).toEqual([['x-default', 'A cat.']])
    expect(await sidecar()).not.toContain('Mine.')
  })

  it('leaves other languages alone, and stands before them', async () => {
    const german = '<rdf:li xml:lang="de">Eine Katze.</rdf:li>'
    await existing(
      described(`<iptc:AltTextAccessibility><rdf:Alt>${german}</rdf:Alt></iptc:AltTextAccessibility>`),
    )
    expect(await writeAltText(photo, 'A cat.', true)).toBe(true)
    expect(await altTexts()).toEqual([
      ['x-default', 'A cat.'],
      ['de', 'Eine Katze.'],
    ])
  })

  it.each([
    [
      'beside another language',
      '<rdf:li xml:lang="x-default">A cat.</rdf:li>\n<rdf:li xml:lang="de">Katze</rdf:li>',
    ],
    [
      'after another language',
      '<rdf:li xml:lang="de">Katze</rdf:li><rdf:li xml:lang="x-default">A cat.</rdf:li>',
    ],
    [
      'as the first where none is the default',
      '<rdf:li xml:lang="en">A cat.</rdf:li><rdf:li xml:lang="de">Katze</rdf:li>',
    ],
  ])('is there already %s, and not written again', async (_, items) => {
    const before = described(
      `<iptc:AltTextAccessibility><rdf:Alt>${items}</rdf:Alt></iptc:AltTextAccessibility>`,
    )
    await existing(before)
    for (const replace of [false, true]) expect(await writeAltText(photo, 'A cat.', replace)).toBe(true)
    expect(await sidecar()).toBe(before)
    // What another language says is not what it says, but it is something.
    expect(await writeAltText(photo, 'Katze', false)).toBe(false)
  })

  it('is not written again where it is there already', async () => {
    await writeAltText(photo, 'A cat.', false)
    const before = (await sidecar()).replace('</x:xmpmeta>', '</x:xmpmeta ><!-- later -->')
    await existing(before)
    expect(await writeAltText(photo, 'A cat.', false)).toBe(true)
    expect(await sidecar()).toBe(before)
  })
})

it.each([
  ['cut off', described('').slice(0, -20), 'Expected XML in'],
  ['empty', '', 'Expected XML in'],
  ['no XMP', '<html><body/></html>', 'Expected an rdf:RDF element for'],
  ['not UTF-8', Buffer.from([0x3c, 0x61, 0xff, 0x3e]), 'Expected UTF-8 in'],
])('a sidecar that is %s is named and left as it is', async (_, before, message) => {
  await writeFile(sidecarOf(photo), before)
  await expect(writeAltText(photo, 'A cat.', true)).rejects.toMatchObject({
    code: 'INVALID_DATA',
    message: expect.stringContaining(`${message} ${sidecarOf(photo)}`),
  })
  expect(await readFile(sidecarOf(photo))).toEqual(Buffer.from(before))
})
