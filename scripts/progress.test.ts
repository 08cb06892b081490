import { afterEach, expect, it, vi } from 'vitest'
import { progressBar, say } from './progress.js'

const COLUMNS = 80
/** Few, so that it scrolls. */
const ROWS = 6

afterEach(() => vi.restoreAllMocks())

/** What is written on the standard error stream, on a terminal or not. */
function heard(stream: { isTTY: boolean; columns?: number }): { text: string } {
  const said = { text: '' }
  const write = (text: string): boolean => {
    said.text += text
    return true
  }
  vi.spyOn(process, 'stderr', 'get').mockReturnValue({ ...stream, write } as typeof process.stderr)
  return said
}

/** What a terminal shows of a text, from the row that it begins in, and how it leaves the cursor. */
function screenOf(text: string) {
  const rows: string[] = ['']
  let [row, column, wraps, cursor] = [0, 0, true, true]
  let saved = { up: 0, column: 0 }
  const bottom = (): number => Math.max(ROWS, rows.length)
  const down = (): void => {
    row++
    column = 0
    if (row === rows.length) rows.push('')
  }
  const put = (letter: string): void => {
    if (column === COLUMNS && wraps) down()
    column = Math.min(column, COLUMNS - 1)
    const line = rows[row]!.padEnd(column)
    rows[row] = line.slice(0, column) + letter + line.slice(++column)
  }
  const controls: Record<string, () => void> = {
    '\n': down,
    '\r': () => (column = 0),
    '\x1b[1G': () => (column = 0),
    '\x1b[K': () => (rows[row] = rows[row]!.slice(0, column)),
    '\x1b[0K': () => (rows[row] = rows[row]!.slice(0, column)),
    '\x1b[?7h': () => (wraps = true),
    '\x1b[?7l': () => (wraps = false),
    '\x1b[?25h': () => (cursor = true),
    '\x1b[?25l': () => (cursor = false),
    // A place of the screen, whatever scrolls.
    '\x1b7': () => (saved = { up: bottom() - row, column }),
    '\x1b8': () => ([row, column] = [bottom() - saved.up, saved.column]),
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal is told begins with one
  const tokens = /\x1b(?:[78]|\[\??\d*\w)|./gsu
  for (const [token] of text.matchAll(tokens)) (controls[token] ?? (() => put(token)))()
  return { rows, row, column, wraps, cursor }
}

it('says whole lines above the bar, and leaves the cursor below it', () => {
  const said = heard({ isTTY: true, columns: COLUMNS })
  const long = `skipped photos/${'long'.repeat(20)}.jpg: Expected a whole photo`
  say('before')
  const bar = progressBar('caption', 9)
  say(long)
  bar.update(4)
  for (const line of ['one', 'two', 'three', 'four']) say(line)
  bar.update(9)
  bar.stop()
  say('after')
  const { rows, ...state } = screenOf(said.text)
  expect(rows).toEqual([
    ...['before', long.slice(0, COLUMNS), long.slice(COLUMNS), 'one', 'two', 'three', 'four'],
    expect.stringMatching(/^caption =+ 9\/9 /),
    'after',
    '',
  ])
  expect(state).toEqual({ row: rows.length - 1, column: 0, wraps: true, cursor: true })
})

it('draws the bar anew below what was said, though it has not moved', () => {
  const said = heard({ isTTY: true, columns: COLUMNS })
  const bar = progressBar('fetch', 9)
  say('trying again')
  expect(screenOf(said.text).rows).toEqual(['trying again', expect.stringMatching(/^fetch -+ 0\/9 /)])
  bar.stop()
})

it('says the line alone where there is no terminal', () => {
  const said = heard({ isTTY: false })
  const bar = progressBar('caption', 9)
  said.text = ''
  say('one')
  expect(said.text).toBe('one\n')
  bar.stop()
})
