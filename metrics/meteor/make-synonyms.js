// Writes data/wordnet.json.gz from the WordNet 3.0 database of Princeton University.
// usage: node metrics/meteor/make-synonyms.js DICT [EXCEPTIONS]
// DICT holds data.noun, data.verb, data.adj and data.adv; EXCEPTIONS, by default the same folder, the .exc files.
//
// METEOR knows a synset by its byte offset alone, so that a noun and a verb at the same offset are synonyms to it
// ("entity" and "breathe" at 00001740). The offsets count: other builds of the database (Debian's) shift some of them.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const [dict, exceptions = dict] = process.argv.slice(2)
if (!dict) throw new Error('usage: node metrics/meteor/make-synonyms.js DICT [EXCEPTIONS]')
const partsOfSpeech = ['noun', 'verb', 'adj', 'adv']
const isOneWord = (lemma) => !lemma.includes('_')

// A line of data.POS: offset, file, type, word count in hexadecimal, then each word with its lexical id. See wndb(5WN).
const wordsAtOffset = new Map()
for (const part of partsOfSpeech) {
  for (const line of lines(dict, `data.${part}`)) {
    if (line.startsWith(' ')) continue // the licence
    const fields = line.split(' ')
    const count = Number.parseInt(fields[3], 16)
    const lemmas = Array.from({ length: count }, (_, index) => fields[4 + 2 * index])
    const words = wordsAtOffset.get(fields[0]) ?? new Set()
    for (const lemma of lemmas) {
      if (isOneWord(lemma)) words.add(lemma.replace(/\(\w+\)$/, '').toLowerCase())
    }
    wordsAtOffset.set(fields[0], words)
  }
}

// A word that shares no synset still needs a row: it is the base form of others ("hens" and "hen").
const rows = [...wordsAtOffset.values()].map((words) => [...words].sort().join(' '))
const shared = rows.filter((row) => row.includes(' '))
const inShared = new Set(shared.flatMap((row) => row.split(' ')))
const groups = [...shared, ...rows.filter((row) => row !== '' && !row.includes(' ') && !inShared.has(row))]

const known = new Set(rows.flatMap((row) => row.split(' ')))
const inflections = new Map()
for (const part of partsOfSpeech) {
  for (const line of lines(exceptions, `${part}.exc`)) {
    const [inflected, ...bases] = line.trim().split(' ')
    if (!isOneWord(inflected)) continue
    const all = inflections.get(inflected) ?? new Set()
    for (const base of bases) if (known.has(base)) all.add(base)
    inflections.set(inflected, all)
  }
}
const text = JSON.stringify({
  groups: [...new Set(groups)].sort(),
  inflections: Array.from(inflections, ([inflected, bases]) => [inflected, ...bases].join(' ')).sort(),
})
writeFileSync(new URL('data/wordnet.json.gz', import.meta.url), gzipSync(text, { level: 9 }))

function lines(folder, name) {
  return readFileSync(join(folder, name), 'latin1').split('\n').filter(Boolean)
}
