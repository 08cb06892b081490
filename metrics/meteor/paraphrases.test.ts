import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../temporary.test.folder.js'
import { checkParaphrases } from './paraphrase-file.js'
import { readParaphrases } from './paraphrases.js'
import { phraseHash, UsedPhrases, wordHasher } from './phrases.js'
import { loadMeteorResources } from './resources.js'

const TABLE = '0.5\na lot of\nmany\n0.25\na lot of\nplenty of\n0.1\ncafé\nun petit café\n'

async function* pieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text)
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

function phraseHasher(): (phrase: string) => number {
  const hashOf = wordHasher()
  return (phrase) => phrase.split(' ').reduce((hash, word) => phraseHash(hashOf(word), hash), 0)
}

test.each([1, 2, 3, 7, 1000])('a table is read in pieces of %i bytes', async (size) => {
  const table = await readParaphrases(pieces(TABLE, size), 'table')
  expect(table.longest).toBe(3)
  expect(table.of('a lot of')).toEqual(['many', 'plenty of'])
  expect(table.of('café')).toEqual(['un petit café'])
  expect(table.of('many')).toEqual([])
})

test('a table larger than the first store keeps every entry', async () => {
  const entries = Array.from(
    { length: 60_000 },
    (_, index) => `1\nphrase ${index}\nits paraphrase ${index}\n`,
  )
  const table = await readParaphrases(pieces(entries.join(''), 65_536), 'table')
  for (const index of [0, 1, 29_999, 59_999])
    expect(table.of(`phrase ${index}`)).toEqual([`its paraphrase ${index}`])
})

test('no phrase of the table is overlooked, and few others are looked up', async () => {
  const hashOf = phraseHasher()
  const entries = Array.from({ length: 50_000 }, (_, index) => `1\nphrase number ${index} é\nit\n`)
  const table = await readParaphrases(pieces(entries.join(''), 65_536), 'table')
  expect(table.longest).toBe(4)
  for (let index = 0; index < 50_000; index++)
    if (!table.mayHave(hashOf(`phrase number ${index} é`))) expect.fail(`${index}`)
  const others = Array.from({ length: 50_000 }, (_, index) => `other phrase ${index}`)
  expect(others.filter((phrase) => table.mayHave(hashOf(phrase))).length).toBeLessThan(1000)
})

test('a phrase is found as a paraphrase, too', async () => {
  const table = await readParaphrases(pieces(TABLE, 7), 'table')
  const hashOf = phraseHasher()
  for (const phrase of ['a lot of', 'many', 'plenty of', 'café', 'un petit café'])
    expect(table.mayHave(hashOf(phrase)), phrase).toBe(true)
  expect(table.mayHave(hashOf('plenty'))).toBe(false)
})

test('a table for some captions has what they can use, and little else', async () => {
  const used = new UsedPhrases([
    ['a', 'lot', 'of', 'dogs'],
    ['many', 'men'],
    ['café', 'au', 'lait', 'et', 'thé', 'noir'],
  ])
  const entries = [
    ['a lot of', 'many'],
    ['a lot of', 'plenty of'],
    ['dogs', 'hounds'],
    ['plenty', 'many'],
    ['many men', 'au lait et thé noir'],
    ['many men', 'café'],
  ].map(([phrase, paraphrase]) => `1\n${phrase}\n${paraphrase}\n`)
  for (const size of [1, 5, 1000]) {
    const table = await readParaphrases(pieces(entries.join(''), size), 'table', used)
    expect(table.of('a lot of')).toEqual(['many'])
    for (const phrase of ['dogs', 'plenty', 'many']) expect(table.of(phrase)).toEqual([])
    expect(table.of('many men')).toEqual(['au lait et thé noir', 'café'])
    expect(table.longest).toBe(5)
  }
})

test.each([
  // With it METEOR would be that without paraphrases under the name of the other.
  ['', 'Expected three lines an entry for table but received "0 lines"'],
  ['0.5\na\n', 'Expected three lines an entry for table but received "2 lines"'],
  ['0.5\na\nb', 'Expected three lines an entry for table but received "2 lines"'],
  [
    '1\na\nb\n1\nc\nd\n1\na\ne\n',
    'Expected the paraphrases of a phrase in one place for table but received "a"',
  ],
])('%j is refused', async (text, message) => {
  await expect(readParaphrases(pieces(text, 2), 'table')).rejects.toMatchObject({
    code: 'INVALID_DATA',
    message,
  })
})

const folder = temporaryFolder('paraphrases')

test('a packed table is loaded from a file', async () => {
  const paraphrases = join(folder, 'table.gz')
  await writeFile(paraphrases, gzipSync(TABLE))
  const resources = await loadMeteorResources({ paraphrases })
  expect(resources.paraphrases?.of('a lot of')).toEqual(['many', 'plenty of'])
})

test('a missing file, one that is not packed and one that is cut are named, the first two before they are read', async () => {
  const load = (paraphrases: string) => loadMeteorResources({ paraphrases })
  const missing = join(folder, 'missing.gz')
  const plain = join(folder, 'plain.gz')
  await writeFile(plain, TABLE)
  for (const open of [load, checkParaphrases]) {
    await expect(open(missing)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining(`Expected paraphrases at ${missing}: ENOENT`),
      where: missing,
    })
    await expect(open(plain)).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: expect.stringContaining(`Expected a whole gzip file of paraphrases at ${plain}: `),
      where: plain,
    })
  }
  const whole = join(folder, 'whole.gz')
  await writeFile(whole, gzipSync(TABLE))
  await checkParaphrases(whole)
  const cut = join(folder, 'cut.gz')
  await writeFile(cut, gzipSync(TABLE).subarray(0, 30))
  await expect(loadMeteorResources({ paraphrases: cut })).rejects.toMatchObject({
    code: 'INVALID_DATA',
    where: cut,
  })
})
