import { jsonLines } from '../../data/caption-lines.js'
import { Card } from './card.js'
import {
  captionPhoto,
  describeModel,
  endPauses,
  explain,
  type Failure,
  failureOf,
  type Outcome,
  useKey,
} from './client.js'
import { csvOf, type Entry, linesOf, save } from './files.js'

/**
 * Photos under way at once: the server captions those that come together in one batch. One after the first that took too
 * long to arrive: on a slow line each has a share of it only.
 */
let atOnce = 4

const REFUSED: Failure = { code: 'UNAUTHORIZED', message: 'That key was refused.' }

const place = byId('place')
const gate = byId('gate') as HTMLFormElement
const cards: Card[] = []
const queue: Card[] = []
/** Photos that took too long once. */
const slow = new Set<Card>()
let working = 0

for (const id of ['files', 'camera']) {
  const input = byId(id) as HTMLInputElement
  input.addEventListener('change', () => {
    add(input.files)
    // So that choosing the same photo again is a change, too.
    input.value = ''
  })
}
document.addEventListener('paste', (event) => add(event.clipboardData?.files))
document.addEventListener('dragover', (event) => {
  event.preventDefault()
  place.classList.add('over')
})
document.addEventListener('dragleave', (event) => {
  if (event.relatedTarget === null) place.classList.remove('over')
})
document.addEventListener('drop', (event) => {
  event.preventDefault()
  place.classList.remove('over')
  add(event.dataTransfer?.files)
})
byId('csv').addEventListener('click', () => save('captions.csv', 'text/csv', csvOf(entries())))
byId('jsonl').addEventListener('click', () =>
  save('captions.jsonl', 'application/jsonl', jsonLines(linesOf(entries()))),
)
byId('again').addEventListener('click', () => {
  const failed = cards.filter(({ mayRetry }) => mayRetry)
  for (const card of failed) card.retry()
  failed[0]?.element.focus()
})
gate.addEventListener('submit', async (event) => {
  event.preventDefault()
  const refused = byId('refused')
  // So that the same words are a change, and read out, the next time.
  refused.textContent = ''
  const isKey = useKey((byId('key') as HTMLInputElement).value)
  const failure = isKey ? await introduce() : REFUSED
  if (failure === undefined) {
    // A key has a rate of its own: what others have used up is no reason to wait any more.
    endPauses()
    for (const card of cards) if (codeOf(card.result) === 'UNAUTHORIZED') card.retry()
  } else refused.textContent = failure.code === REFUSED.code ? REFUSED.message : explain(failure)
})
void introduce()

/** Tells of the model. @returns why there is none */
async function introduce(): Promise<Failure | undefined> {
  try {
    const { name, encoder, cell, terms = '' } = await describeModel()
    byId('model').textContent = `Captions by ${name} (${encoder}, ${cell}). They can be wrong; look twice.`
    byId('terms').textContent = terms
    closeGate()
    return undefined
  } catch (error) {
    const failure = failureOf(error)
    if (failure.code === 'UNAUTHORIZED') gate.hidden = false
    return failure
  }
}

/** Whoever was in it goes on with the photos. */
function closeGate(): void {
  if (gate.contains(document.activeElement)) byId('files').focus()
  gate.hidden = true
}

function add(files: FileList | undefined | null): void {
  const photos = [...(files ?? [])]
  if (photos.length === 0) return
  document.body.classList.add('has-photos')
  byId('ask').textContent = 'Lay more photos here'
  byId('tray').hidden = false
  for (const photo of photos) {
    const card = new Card(photo, () => {
      queue.push(card)
      work()
    })
    cards.push(card)
    queue.push(card)
    byId('album').append(card.element)
  }
  work()
}

function work(): void {
  report()
  while (working < atOnce) {
    const next = queue.shift()
    if (next === undefined) return
    working++
    void caption(next).finally(() => {
      working--
      work()
    })
  }
}

async function caption(card: Card): Promise<void> {
  const result = await captionPhoto(card.photo, (failure) => card.showPause(failure))
  if (codeOf(result) === 'SLOW_BODY' && !slow.has(card)) {
    atOnce = 1
    slow.add(card)
    queue.push(card)
    return
  }
  card.showResult(result)
  if (codeOf(result) === 'UNAUTHORIZED') gate.hidden = false
  else if ('captions' in result) closeGate()
}

function codeOf(result: Outcome | undefined): string | undefined {
  return result !== undefined && 'error' in result ? result.error.code : undefined
}

function report(): void {
  const done = cards.filter(({ result }) => result !== undefined)
  const failed = done.filter(({ result }) => 'error' in result!).length
  const progress = byId('progress') as HTMLProgressElement
  progress.max = cards.length
  progress.value = done.length
  byId('again').hidden = !cards.some(({ mayRetry }) => mayRetry)
  const all = cards.length === 1 ? '1 photo' : `${cards.length} photos`
  byId('status').textContent =
    `${done.length - failed} of ${all} captioned${failed === 0 ? '' : `, ${failed} failed`}`
}

function entries(): Entry[] {
  return cards.flatMap(({ photo, result, chosen }) =>
    result === undefined ? [] : [{ file: photo.name, result, chosen }],
  )
}

function byId(id: string): HTMLElement {
  return document.getElementById(id)!
}
