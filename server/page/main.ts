import { commaSeparated, jsonLines } from '../../data/caption-lines.js'
import { Card } from './card.js'
import { captionPhoto, describeModel, useKey } from './client.js'
import { type Entry, linesOf, save } from './files.js'

/** Photos under way at once; the server captions those that come together in one batch. */
const AT_ONCE = 4

const place = byId('place')
const gate = byId('gate') as HTMLFormElement
const cards: Card[] = []
const queue: Card[] = []
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
byId('csv').addEventListener('click', () =>
  save('captions.csv', 'text/csv', commaSeparated(linesOf(entries()))),
)
byId('jsonl').addEventListener('click', () =>
  save('captions.jsonl', 'application/jsonl', jsonLines(linesOf(entries()))),
)
gate.addEventListener('submit', (event) => {
  event.preventDefault()
  useKey((byId('key') as HTMLInputElement).value)
  void introduce()
  for (const card of cards)
    if (card.result !== undefined && 'error' in card.result && card.result.error.code === 'UNAUTHORIZED')
      card.retry()
})
void introduce()

async function introduce(): Promise<void> {
  try {
    const { name, encoder, cell, terms = '' } = await describeModel()
    byId('model').textContent = `Captions by ${name} (${encoder}, ${cell}). They can be wrong; look twice.`
    byId('terms').textContent = terms
    gate.hidden = true
  } catch (error) {
    gate.hidden = (error as Error).name !== 'UNAUTHORIZED'
  }
}

function add(files: FileList | undefined | null): void {
  const photos = [...(files ?? [])]
  if (photos.length === 0) return
  document.body.classList.add('has-photos')
  byId('ask').textContent = 'Lay more photos here'
  byId('tray').hidden = false
  for (const photo of photos) {
    const card = new Card(photo)
    cards.push(card)
    queue.push(card)
    byId('album').append(card.element)
  }
  work()
}

function work(): void {
  report()
  while (working < AT_ONCE) {
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
  card.showResult(await captionPhoto(card.photo), () => {
    queue.push(card)
    work()
  })
}

function report(): void {
  const done = cards.filter(({ result }) => result !== undefined)
  const failed = done.filter(({ result }) => 'error' in result!).length
  const progress = byId('progress') as HTMLProgressElement
  progress.max = cards.length
  progress.value = done.length
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
