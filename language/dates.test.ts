import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Random } from '../random.js'
import { Characters } from './characters.js'
import { DATE_FORMS, dateOf, datesOfYear, drawDate, drawDates, isoOf, PARTS } from './dates.js'

const DAYS = 36_525
const day = fc.integer({ min: 0, max: DAYS - 1 })
const form = fc.integer({ min: 0, max: DATE_FORMS.length - 1 })

/** Reads a date as a person would who knows no list of forms. */
function parsed(text: string): string {
  const names = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
  const romans = 'I II III IV V VI VII VIII IX X XI XII'.split(' ')
  const compact = /^(\d{4})(\d\d)(\d\d)$/.exec(text)
  const words = text.split(/[\s,./'-]+/).filter((word) => word !== '')
  let month = words
    .map((word) => names.indexOf(word.slice(0, 3).toLowerCase()) + 1)
    .find((found) => found > 0)
  month ??= words.map((word) => romans.indexOf(word) + 1).find((found) => found > 0)
  let numbers = words
    .filter((word) => /^\d+(st|nd|rd|th)?$/.test(word))
    .map((word) => Number.parseInt(word, 10))
  if (compact) numbers = compact.slice(1).map(Number)
  let [year, date] = [0, 0]
  if (month !== undefined)
    [date, year] = numbers[0]! > 31 ? [numbers[1]!, numbers[0]!] : [numbers[0]!, numbers[1]!]
  else if (numbers[0]! > 31) [year, month, date] = numbers as [number, number, number]
  else if (text.includes('/')) [month, date, year] = numbers as [number, number, number]
  else [date, month, year] = numbers as [number, number, number]
  if (year < 100) year += year < 70 ? 2000 : 1900
  return `${year}-${String(month).padStart(2, '0')}-${String(date).padStart(2, '0')}`
}

describe('dates', () => {
  it('are written in thirty forms, all different', () => {
    expect(DATE_FORMS).toHaveLength(30)
    const date = dateOf(13_213)
    expect(isoOf(date)).toBe('2006-03-06')
    expect(new Set(DATE_FORMS.map((written) => written(date))).size).toBe(30)
  })

  it('are those of the calendar', () => {
    fc.assert(
      fc.property(day, (index) => {
        const date = dateOf(index)
        expect(isoOf(date)).toBe(new Date(index * 86_400_000).toISOString().slice(0, 10))
        const name = new Intl.DateTimeFormat('en', { weekday: 'long', timeZone: 'UTC' })
        expect(date.weekday).toBe(name.format(index * 86_400_000))
      }),
    )
  })

  it('can be read by a person, whatever the form', () => {
    fc.assert(
      fc.property(day, form, (index, written) => {
        const date = dateOf(index)
        expect(parsed(DATE_FORMS[written]!(date))).toBe(isoOf(date))
      }),
      { numRuns: 2000 },
    )
  })

  it('mean one day each: no text stands for two', () => {
    const meanings = new Map<string, number>()
    const doubles: string[] = []
    for (let index = 0; index < DAYS; index++) {
      const date = dateOf(index)
      for (const written of DATE_FORMS) {
        const text = written(date)
        if ((meanings.get(text) ?? index) !== index) doubles.push(text)
        meanings.set(text, index)
      }
    }
    expect(doubles).toEqual([])
  })

  it('of one year have all characters of all dates', () => {
    const days = Array.from({ length: DAYS }, (_, index) => dateOf(index))
    const all = days.flatMap((date) => DATE_FORMS.map((written) => written(date)))
    const year = datesOfYear()
    expect(year).toHaveLength(365 * 30)
    expect(Characters.of(year.map(({ source }) => source))).toEqual(Characters.of(all))
    expect(Characters.of(year.map(({ target }) => target)).list.join('')).toBe('-0123456789')
  })

  it('have the ordinals of English', () => {
    const ordinals = Array.from({ length: 31 }, (_, i) => DATE_FORMS[6]!(dateOf(i)).split(' ')[0])
    expect(ordinals.join(' ')).toBe(
      '1st 2nd 3rd 4th 5th 6th 7th 8th 9th 10th 11th 12th 13th 14th 15th 16th 17th 18th 19th 20th 21st 22nd 23rd 24th 25th 26th 27th 28th 29th 30th 31st',
    )
  })

  it('of test and validation never come in training, and all days come', () => {
    const random = new Random('parts')
    const indexOf = (iso: string): number => Date.parse(iso) / 86_400_000
    for (const part of ['train', 'validation', 'test'] as const) {
      const seen = Array.from({ length: 3000 }, () => indexOf(drawDate(random, part).target))
      for (const index of seen) {
        expect(PARTS[part]).toContain(index % 13)
        expect(index >= 0 && index < DAYS).toBe(true)
      }
      expect(Math.max(...seen)).toBeGreaterThan(DAYS - 400)
      expect(Math.min(...seen)).toBeLessThan(400)
    }
  })

  it('are drawn without doubles, the same from the same seed', () => {
    const pairs = drawDates(new Random(1), 'test', 2000)
    expect(new Set(pairs.map(({ target }) => target)).size).toBe(2000)
    expect(drawDates(new Random(1), 'test', 2000)).toEqual(pairs)
  })
})
