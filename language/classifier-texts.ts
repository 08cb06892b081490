import { z } from 'zod'
import { numberedLines } from '../data/readers/reader.js'
import { type Parts, partsOf, readParts, SPLITS, tellUnmarked } from '../data/splits.js'
import { readText } from '../data/text-file.js'
import { tokenize, words } from '../data/tokenizer.js'
import { expected, ShowtellError } from '../errors.js'

/** Words after these are not read. */
export const MOST_WORDS = 60

export interface LabelledText {
  readonly words: readonly string[]
  readonly label: string
}

export interface LabelledTexts {
  readonly train: readonly LabelledText[]
  /** Held out of training; the best of its moments is chosen by them. */
  readonly held: readonly LabelledText[]
  /** What a classifier is judged by: of each file the texts of `test`, or where it has none those held out. */
  readonly judged: readonly LabelledText[]
}

const lineSchema = z.object({
  text: z.string(),
  label: z.union([z.string().min(1), z.number(), z.boolean()]).transform(String),
  split: z.enum(SPLITS).optional(),
})

/**
 * The words of a text as a classifier reads them.
 * @param onCut hears that there are more than it reads.
 * @throws ShowtellError INVALID_DATA where there are none.
 */
export function wordsOf(text: string, where: string, onCut: () => void = () => {}): string[] {
  const all = words(tokenize(text))
  if (all.length === 0) throw expected('a text with words', where, text, 'INVALID_DATA')
  if (all.length > MOST_WORDS) onCut()
  return all.slice(0, MOST_WORDS)
}

/** Tells how many texts have more words than are read. */
export function tellCut(cut: number, where: string, onProblem: (problem: ShowtellError) => void): void {
  if (cut === 0) return
  const longer = `${cut} ${cut === 1 ? 'text' : 'texts'} with more, read as far as that`
  onProblem(expected(`${MOST_WORDS} words a text at most`, where, longer, 'INVALID_DATA'))
}

/** A text without words is left out, and told: the tokenizer leaves nothing of some, "Ⅷ" for one. */
function withWords(
  { text, label }: { readonly text: string; readonly label: string },
  where: string,
  onCut: () => void,
  onProblem: (problem: ShowtellError) => void,
): LabelledText[] {
  try {
    return [{ words: wordsOf(text, where, onCut), label }]
  } catch (error) {
    if (!(error instanceof ShowtellError)) throw error
    onProblem(error)
    return []
  }
}

/**
 * Labelled texts of a file, one JSON object with `text` and `label` a line, parted by their `split` as `partsOf` does;
 * the id of one is its words, so that texts that are read alike are on one side.
 * @param onProblem hears of texts without words, which are left out, of how many are longer than is read, and of how many
 * of no split stand beside texts to train on.
 * @throws ShowtellError NOT_FOUND, or INVALID_DATA naming the line that is wrong.
 */
export async function readLabelled(
  path: string,
  onProblem: (problem: ShowtellError) => void,
): Promise<LabelledTexts> {
  const file = await readText(path, 'labelled texts')
  let cut = 0
  const texts = [...numberedLines(file)].flatMap(([number, line]) => {
    const where = `${path} line ${number}`
    const { text, label, split } = parsed(line, where)
    return withWords({ text, label }, where, () => cut++, onProblem).map((labelled) => ({
      id: labelled.words.join(' '),
      split,
      labelled,
    }))
  })
  const parts = partsOf(texts)
  tellUnmarked(texts, parts, 'text', path, onProblem)
  tellCut(cut, path, onProblem)
  return labelledOf(parts, ({ labelled }) => [labelled])
}

function labelledOf<T>(
  { train, validation, test }: Parts<T>,
  textsOf: (one: T) => readonly LabelledText[],
): LabelledTexts {
  const held = validation.flatMap(textsOf)
  return { train: train.flatMap(textsOf), held, judged: test.length > 0 ? test.flatMap(textsOf) : held }
}

function parsed(line: string, where: string): z.infer<typeof lineSchema> {
  try {
    return lineSchema.parse(JSON.parse(line))
  } catch {
    const wanted = `{"text": …, "label": …}, with a "split" of ${SPLITS.join(', ')} or without`
    throw expected(wanted, where, line, 'INVALID_DATA')
  }
}

/**
 * Captions of files, to be told apart by the file they are from, each with its label. Photos are parted as `showtell
 * train` does, with all their captions.
 * @param onProblem hears of what cannot be used, and reading goes on without it.
 * @throws ShowtellError as `readParts` does.
 */
export async function readLabelledCaptions(
  files: readonly (readonly [label: string, path: string])[],
  onProblem: (problem: ShowtellError) => void,
): Promise<LabelledTexts> {
  const sets = await Promise.all(files.map(([, path]) => readParts(path, onProblem)))
  const labelled = sets.map((set, i) => {
    const [label, path] = files[i]!
    let cut = 0
    const texts = labelledOf(set, ({ id, captions }) =>
      captions.flatMap((caption) =>
        withWords({ text: caption, label }, `${label} image ${id}`, () => cut++, onProblem),
      ),
    )
    tellCut(cut, path, onProblem)
    return texts
  })
  const of = (part: keyof LabelledTexts): LabelledText[] => labelled.flatMap((texts) => texts[part])
  return { train: of('train'), held: of('held'), judged: of('judged') }
}

/**
 * The labels that can be learnt, in the order of their code units.
 * @throws ShowtellError INVALID_DATA where there are fewer than two, or nothing is held out, or a label is of texts held
 * out alone.
 */
export function labelsOf({ train, held }: Pick<LabelledTexts, 'train' | 'held'>, where: string): string[] {
  const labels = [...new Set(train.map(({ label }) => label))].sort()
  if (labels.length < 2)
    throw expected('two labels or more', `texts to train of ${where}`, labels, 'INVALID_DATA')
  if (held.length === 0) throw expected('texts', `what is held out of ${where}`, 'none', 'INVALID_DATA')
  const unlearnt = new Set(held.map(({ label }) => label).filter((label) => !labels.includes(label)))
  if (unlearnt.size > 0)
    throw expected(
      'texts to train on of each label',
      where,
      `only held-out texts of ${[...unlearnt].join(', ')}`,
      'INVALID_DATA',
    )
  return labels
}

/** @throws ShowtellError INVALID_DATA naming a label that is not among those known. */
export function checkLabels(labels: readonly string[], texts: readonly LabelledText[], where: string): void {
  const strange = texts.find(({ label }) => !labels.includes(label))
  if (strange !== undefined)
    throw expected(`one of ${labels.join(', ')}`, `a label of ${where}`, strange.label, 'INVALID_DATA')
}
