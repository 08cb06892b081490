import { z } from 'zod'
import { numberedLines } from '../data/readers/reader.js'
import { type Parts, partsOf, readTrainingSet, SPLITS, tellUnmarked } from '../data/splits.js'
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

/** The words of a text as a classifier reads them. @throws ShowtellError INVALID_DATA where there are none. */
export function wordsOf(text: string, where: string): string[] {
  const known = words(tokenize(text)).slice(0, MOST_WORDS)
  if (known.length === 0) throw expected('a text with words', where, text, 'INVALID_DATA')
  return known
}

/**
 * Labelled texts of a file, one JSON object with `text` and `label` a line, parted by their `split` as `partsOf` does;
 * the id of one is its text.
 * @param onProblem hears how many texts of no split stand beside texts to train on.
 * @throws ShowtellError NOT_FOUND, or INVALID_DATA naming the line that is wrong.
 */
export async function readLabelled(
  path: string,
  onProblem: (problem: ShowtellError) => void,
): Promise<LabelledTexts> {
  const file = await readText(path, 'labelled texts')
  const texts = Array.from(numberedLines(file), ([number, line]) => {
    const where = `${path} line ${number}`
    const { text, label, split } = parsed(line, where)
    return { id: text, split, labelled: { words: wordsOf(text, where), label } }
  })
  const parts = partsOf(texts)
  tellUnmarked(texts, parts, 'text', path, onProblem)
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
 * Captions of files given as `label=captions`, to be told apart by the file they are from. Photos are parted as `showtell
 * train` does, with all their captions.
 * @param onProblem hears of what cannot be used, and reading goes on without it.
 * @throws ShowtellError as `readTrainingSet` does.
 */
export async function readLabelledCaptions(
  files: readonly string[],
  onProblem: (problem: ShowtellError) => void,
): Promise<LabelledTexts> {
  const sets = await Promise.all(files.map((file) => readTrainingSet(file, onProblem)))
  const labelled = sets.map((set) =>
    labelledOf(set, ({ id, captions }) =>
      captions.flatMap((caption) => {
        try {
          return [{ words: wordsOf(caption, `${set.style} image ${id}`), label: set.style }]
        } catch (error) {
          // The tokenizer leaves nothing of some captions, "Ⅷ" for one.
          if (!(error instanceof ShowtellError)) throw error
          onProblem(error)
          return []
        }
      }),
    ),
  )
  const of = (part: keyof LabelledTexts): LabelledText[] => labelled.flatMap((texts) => texts[part])
  return { train: of('train'), held: of('held'), judged: of('judged') }
}

/**
 * The labels that can be learnt, in the order of their code units.
 * @throws ShowtellError INVALID_DATA where there are fewer than two, or nothing is held out.
 */
export function labelsOf({ train, held }: Pick<LabelledTexts, 'train' | 'held'>, where: string): string[] {
  const labels = [...new Set(train.map(({ label }) => label))].sort()
  if (labels.length < 2)
    throw expected('two labels or more', `texts to train of ${where}`, labels, 'INVALID_DATA')
  if (held.length === 0) throw expected('texts', `what is held out of ${where}`, 'none', 'INVALID_DATA')
  checkLabels(labels, held, where)
  return labels
}

/** @throws ShowtellError INVALID_DATA naming a label that is not among those known. */
export function checkLabels(labels: readonly string[], texts: readonly LabelledText[], where: string): void {
  const strange = texts.find(({ label }) => !labels.includes(label))
  if (strange !== undefined)
    throw expected(`one of ${labels.join(', ')}`, `a label of ${where}`, strange.label, 'INVALID_DATA')
}
