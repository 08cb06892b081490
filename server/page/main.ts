import { Card } from './card.js'
import { captionPhoto, describeModel } from './client.js'
import { commaSeparated, type Entry, jsonLines, save } from './files.js'
import { drawPhoto } from './photo.js'

/** Photos under way at once; the server captions those that come together in one batch. */
const AT_ONCE = 4

const place = byId('place')
const input = byId('files') as HTMLInputElement
const cards: Card[] = []
const queue: { card: Card; photo: File }[] = []
let working = 0

input.addEventListener('change', () => {
  add(input.files)
  // So that choosing the same photo again is a change, too.
  input.value = ''
})
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
byId('csv').addEventListener('click', () => save('captions.csv', 'text/csv', commaSeparated(entries())))
byId('jsonl').addEventListener('click', () =>
  save('captions.jsonl', 'application/jsonl', jsonLines(entries())),
)
void introduce()

async function introduce(): Promise<void> {
  const { name, encoder, cell, terms = '' } = await describeModel()
  byId('model').textContent = `Captions by ${name} (${encoder}, ${cell}). They can be wrong; look twice.`
  byId('terms').textContent = terms
}

function add(files: FileList | undefined | null): void {
  const photos = [...(files ?? [])]
  if (photos.length === 0) return
  document.body.classList.add('has-photos')
  byId('ask').textContent = 'Lay more photos here'
  byId('tray').hidden = false
  for (const photo of photos) {
    const card = new Card(photo.name)
    cards.push(card)
    queue.push({ card, photo })
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
    void caption(next.card, next.photo).finally(() => {
      working--
      work()
    })
  }
}

async function caption(card: Card, photo: File): Promise<void> {
  const drawn = drawPhoto(photo).then(
    (canvas) => card.showPhoto(canvas),
    () => card.showPhoto(undefined),
  )
  const result = await captionPhoto(photo)
  await drawn
  card.showResult(result, () => {
    card.result = undefined
    queue.push({ card, photo })
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
  return cards.flatMap(({ file, result, chosen }) => (result === undefined ? [] : [{ file, result, chosen }]))
}

function byId(id: string): HTMLElement {
  return document.getElementById(id)!
}
