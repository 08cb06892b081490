/** WordNet's synonym groups as METEOR uses them: one word each, whatever the part of speech. */
export interface Synonyms {
  /** Numbers of the groups of a lower-case word or of its base forms, ascending; two words with a number in common are synonyms. */
  groupsOf(word: string): readonly number[]
}

/**
 * Endings that come off a word and what replaces them, in the order in which METEOR tries them. They are those of
 * WordNet's morphy(7WN), tried without regard to the part of speech: the first that leaves a known word counts.
 */
const ENDINGS: readonly (readonly [ending: string, replacement: string])[] = [
  ['s', ''],
  ['ies', 'y'],
  ['es', ''],
  ['men', 'man'],
  ['ed', 'e'],
  ['ed', ''],
  ['ing', 'e'],
  ['ing', ''],
  ['est', ''],
  ['est', 'e'],
  ['er', ''],
  ['er', 'e'],
]

/** What `make-synonyms.js` takes from WordNet: rows of words separated by spaces. */
export interface SynonymTable {
  /** Words that share a synset; a word alone when it shares none. */
  readonly groups: readonly string[]
  /** An irregular form, then its base forms. */
  readonly inflections: readonly string[]
}

/** A table as METEOR's synonym module asks it: by words and their base forms. */
export function indexSynonyms(table: SynonymTable): Synonyms {
  const groupsOfWord = new Map<string, number[]>()
  table.groups.forEach((row, group) => {
    for (const word of row.split(' ')) {
      const known = groupsOfWord.get(word)
      if (known) known.push(group)
      else groupsOfWord.set(word, [group])
    }
  })
  const basesOfForm = new Map(
    table.inflections.map((row) => {
      const [form = '', ...bases] = row.split(' ')
      return [form, bases]
    }),
  )

  /** The irregular forms go before the endings, also when they lead to no known word. */
  function basesOf(word: string): readonly string[] {
    const irregular = basesOfForm.get(word)
    if (irregular) return irregular
    if (word.endsWith('ss') || word.length <= 2) return []
    for (const [ending, replacement] of ENDINGS) {
      if (!word.endsWith(ending)) continue
      const base = word.slice(0, -ending.length) + replacement
      if (groupsOfWord.has(base)) return [base]
    }
    return []
  }

  return {
    groupsOf(word) {
      const groups = [word, ...basesOf(word)].flatMap((form) => groupsOfWord.get(form) ?? [])
      return [...new Set(groups)].sort((a, b) => a - b)
    },
  }
}
