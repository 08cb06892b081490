import { z } from 'zod'
import { numberedLines } from '../data/readers/reader.js'
import { isHeldOut, readTrainingSet } from '../data/splits.js'
import { readText } from '../data/text-file.js'
import { tokenize } from '../data/tokenizer.js'
import { expected, type ShowtellError } from '../errors.js'

/** Words after these are not read. */
export const MOST_WORDS = 60

export interface LabelledText {
  readonly words: readonly string[]
  readonly label: string
}

export interface LabelledTexts {
  readonly train: readonly LabelledText[]
  readonly held: readonly LabelledText[]
}

const lineSchema = z.object({
  text: z.string(),
  label: z.union([z.string().min(1), z.number(), z.boolean()]).transform(String),
  /** `train`, or anything else for what is held out; without it a rule decides. */
  split: z.string().optional(),
})

/** The words of a text as a classifier reads them. @throws ShowtellError INVALID_DATA where there are none. */
export function wordsOf(text: string, where: string): string[] {
  const words = tokenize(text).slice(0, MOST_WORDS)
  if (words.length === 0) throw expected('a text with words', where, text, 'INVALID_DATA')
  return words
}

/**
 * Labelled texts of a file, one JSON object with `text` and `label` a line. Those whose `split` is not `train` are held
 * out; of those without one, the ones that the rule of `isHeldOut` picks by their text.
 * @throws ShowtellError NOT_FOUND, or INVALID_DATA naming the line that is wrong.
 */
export async function readLabelled(path: string): Promise<LabelledTexts> {
  const file = await readText(path, 'labelled texts')
  const texts = { train: [] as LabelledText[], held: [] as LabelledText[] }
  for (const [number, line] of numberedLines(file)) {
    const where = `${path} line ${number}`
    const { text, label, split } = parsed(line, where)
    const held = split === undefined ? isHeldOut({ id: text }) : split !== 'train'
    texts[held ? 'held' : 'train'].push({ words: wordsOf(text, where), label })
  }
  return texts
}

function parsed(line: string, where: string): z.infer<typeof lineSchema> {
  try {
    return lineSchema.parse(JSON.parse(line))
  } catch {
    throw expected('{"text": …, "label": …}', where, line, 'INVALID_DATA')
  }
}

/**
 * Captions of files given as `label=captions`, to be told apart by the file they are from. The photos that `showtell
 * train` would validate with are held out, with all their captions.
 * @param onProblem hears of what cannot be used, and reading goes on without it.
 * @throws ShowtellError as `readTrainingSet` does.
 */
export async function readLabelledCaptions(
  files: readonly string[],
  onProblem: (problem: ShowtellError) => void,
): Promise<LabelledTexts> {
  const sets = await Promise.all(files.map((file) => readTrainingSet(file, onProblem)))
  const of = (part: 'train' | 'validation'): LabelledText[] =>
    sets.flatMap((set) =>
      set[part].flatMap(({ id, captions }) =>
        captions.map((caption) => ({
          words: wordsOf(caption, `${set.style} image ${id}`),
          label: set.style,
        })),
      ),
    )
  return { train: of('train'), held: of('validation') }
}

/**
 * The labels that can be learnt, in the order of their code units.
 * @throws ShowtellError INVALID_DATA where there are fewer than two, or nothing is held out.
 */
export function labelsOf({ train, held }: LabelledTexts, where: string): string[] {
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
