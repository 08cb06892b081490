import type { Caption, ModelDescription } from '../../decoder/types.js'
import { explain, type Failure, type Grid, type Outcome } from './client.js'
import { drawLight, lightCanvas } from './photo.js'
import { piecesOf, sureness, whereLooked } from './reading.js'

/** Errors that may be gone the next time. */
const TEMPORARY = [
  'RATE_LIMITED',
  'OVERLOADED',
  'DEADLINE',
  'SLOW_BODY',
  'UNREACHABLE',
  'INTERNAL',
  'UNAUTHORIZED',
]

/** A photo of the album with what is told of it. */
export class Card {
  /** Takes the focus where the button that had it goes away. */
  readonly element = make('li', { tabIndex: -1 })
  readonly photo: File
  chosen = 0
  result: Outcome | undefined
  readonly #again: () => void
  readonly #frame = make('div', { className: 'photo mount blank', textContent: '…' })
  readonly #image = make('img', { loading: 'lazy', decoding: 'async' })
  readonly #light = lightCanvas()
  readonly #told = make('div', { className: 'told' })

  /** @param again asks for captions once more; offered where that may help. */
  constructor(photo: File, again: () => void) {
    this.photo = photo
    this.#again = again
    this.#image.alt = photo.name
    this.#image.addEventListener('load', () => {
      this.#frame.classList.remove('blank')
      this.#frame.replaceChildren(this.#image, this.#light)
    })
    this.#image.addEventListener('error', () => {
      this.#frame.textContent = 'no preview'
    })
    // The browser decodes what is looked at and forgets it again, however many photos there are.
    this.#image.src = URL.createObjectURL(photo)
    this.#frame.append(this.#image)
    this.#showWaiting()
    this.element.append(this.#frame, this.#told)
  }

  showResult(result: Outcome): void {
    this.result = result
    this.element.className = 'error' in result ? 'failed' : ''
    if ('error' in result) this.#showError(result.error)
    else this.#showCaptions(result.captions, result.model)
  }

  /** Whether it failed of something that may be gone the next time. */
  get mayRetry(): boolean {
    return this.result !== undefined && 'error' in this.result && TEMPORARY.includes(this.result.error.code)
  }

  /** Says meanwhile why it takes longer. */
  showPause(failure: Failure): void {
    this.#showWaiting(`${explain(failure)} Asking again …`)
  }

  retry(): void {
    this.result = undefined
    this.#showWaiting()
    this.#again()
  }

  #showWaiting(textContent = 'Looking …'): void {
    this.element.className = 'waiting'
    this.#told.replaceChildren(
      make('p', { className: 'file', textContent: this.photo.name }),
      make('p', { className: 'caption', textContent }),
    )
  }

  #showError(error: Failure): void {
    const parts: HTMLElement[] = [
      make('p', { className: 'file', textContent: this.photo.name }),
      make('p', { className: 'caption', textContent: explain(error) }),
    ]
    if (this.mayRetry) {
      const retry = make('button', { type: 'button', textContent: 'Try again' })
      retry.addEventListener('click', () => {
        this.retry()
        this.element.focus()
      })
      parts.push(paragraph('actions', retry))
    }
    this.#told.replaceChildren(...parts)
  }

  #showCaptions(captions: readonly Caption[], model: ModelDescription | undefined): void {
    const caption = captions[this.chosen]!
    this.#image.alt = caption.text
    const copy = make('button', { type: 'button', textContent: 'Copy as alt text', ariaLive: 'polite' })
    copy.addEventListener('click', async () => {
      copy.textContent = (await isCopied(caption.text)) ? 'Copied' : 'Not copied'
      setTimeout(() => {
        copy.textContent = 'Copy as alt text'
      }, 2000)
    })
    this.#told.replaceChildren(
      make('p', { className: 'file', textContent: this.photo.name }),
      ...this.#sentence(caption, model?.grid),
      ...sure(model, 'p', `${sureness(caption.confidence)} – ${percent(caption.confidence)}`),
      ...this.#others(captions, model),
      paragraph('actions', copy),
    )
  }

  /** The caption; each of its words turns the light to where the model looked when it said it. */
  #sentence({ text, tokens, attention }: Caption, grid: Grid | undefined): HTMLElement[] {
    if (attention === undefined || grid === undefined)
      return [make('h3', { className: 'caption', textContent: text })]
    const sentence = make('div', { className: 'caption' })
    sentence.setAttribute('role', 'toolbar')
    sentence.setAttribute('aria-label', 'Where it looked, word by word')
    const buttons: HTMLButtonElement[] = []
    let pinned: HTMLButtonElement | undefined
    const show = (row: readonly number[] | undefined): void => {
      if (row !== undefined) drawLight(this.#light, row, grid)
      this.#light.classList.toggle('on', row !== undefined)
    }
    const rows = new Map<HTMLButtonElement, readonly number[]>()
    const rest = (): void => show(pinned && rows.get(pinned))
    for (const piece of piecesOf(text, tokens)) {
      const row = piece.token === undefined ? undefined : attention[piece.token]
      if (row === undefined) {
        sentence.append(piece.text)
        continue
      }
      const button = make('button', { type: 'button', textContent: piece.text })
      button.tabIndex = buttons.length === 0 ? 0 : -1
      button.ariaPressed = 'false'
      button.setAttribute('aria-label', `${piece.text}: ${whereLooked(row, grid)}`)
      button.addEventListener('pointerenter', () => show(row))
      button.addEventListener('pointerleave', rest)
      button.addEventListener('focus', () => show(row))
      button.addEventListener('blur', rest)
      button.addEventListener('click', () => {
        const isPinned = pinned === button
        if (pinned !== undefined) pinned.ariaPressed = 'false'
        pinned = isPinned ? undefined : button
        button.ariaPressed = String(!isPinned)
        rest()
      })
      rows.set(button, row)
      buttons.push(button)
      sentence.append(button)
    }
    moveByArrows(sentence, buttons)
    return [
      make('h3', { className: 'unseen', textContent: text }),
      sentence,
      make('p', { className: 'hint', textContent: 'Point at a word, or tap it, to see where it looked.' }),
    ]
  }

  #others(captions: readonly Caption[], model: ModelDescription | undefined): HTMLElement[] {
    if (captions.length < 2) return []
    const list = make('ul', { className: 'others' })
    list.setAttribute('aria-label', 'Other captions')
    for (const [i, { text, confidence }] of captions.entries()) {
      if (i === this.chosen) continue
      const button = make('button', { type: 'button', textContent: text })
      button.title = 'Take this one instead'
      button.addEventListener('click', () => {
        this.chosen = i
        this.#light.classList.remove('on')
        this.#showCaptions(captions, model)
        // Captions without light have no words to go to.
        const next = this.#told.querySelector<HTMLElement>('.caption button') ?? this.element
        next.focus()
      })
      const item = make('li', {})
      item.append(button, ...sure(model, 'span', ` ${percent(confidence)}`, sureness(confidence)))
      list.append(item)
    }
    return [list]
  }
}

/** One stop of the tab key for all the words; arrows, Home and End go from one to the next. */
function moveByArrows(toolbar: HTMLElement, buttons: readonly HTMLButtonElement[]): void {
  toolbar.addEventListener('keydown', (event) => {
    // With these a key is the browser's: back, or to the top of the page.
    if (event.altKey || event.ctrlKey || event.metaKey) return
    const at = buttons.indexOf(event.target as HTMLButtonElement)
    const steps: Record<string, number> = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: buttons.length - 1,
    }
    const to = buttons[steps[event.key] ?? -1]
    if (at < 0 || to === undefined) return
    event.preventDefault()
    buttons[at]!.tabIndex = -1
    to.tabIndex = 0
    to.focus()
  })
}

/** Copies a text, if the browser lets it. The clipboard of pages that did not come over TLS is closed; a selection is copied there. */
async function isCopied(text: string): Promise<boolean> {
  if (navigator.clipboard !== undefined)
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    )
  const focused = document.activeElement as HTMLElement | null
  const area = make('textarea', { value: text, className: 'unseen' })
  document.body.append(area)
  area.select()
  const isDone = document.execCommand('copy')
  area.remove()
  // The selection took it.
  focused?.focus()
  return isDone
}

/** What tells how sure the model is; nothing of one that nobody calibrated. */
function sure(
  model: ModelDescription | undefined,
  tag: 'p' | 'span',
  textContent: string,
  title = '',
): HTMLElement[] {
  return model?.calibrated === false ? [] : [make(tag, { className: 'sure', textContent, title })]
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

function paragraph(className: string, ...children: HTMLElement[]): HTMLElement {
  const element = make('p', { className })
  element.append(...children)
  return element
}

function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]>,
): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(tag), properties)
}
