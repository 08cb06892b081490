import type { Random } from '../random.js'

/** Days from 1 January 1970 to 31 December 2069: of each two-digit year there is one. */
const DAYS = 36_525
const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
)
const WEEKDAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')
const ROMAN = 'I II III IV V VI VII VIII IX X XI XII'.split(' ')

/** A date in the parts that people write. */
export interface CalendarDate {
  readonly year: number
  /** From 1. */
  readonly month: number
  readonly day: number
  readonly weekday: string
}

/** What is to be translated, and into what. */
export interface Pair {
  readonly source: string
  readonly target: string
}

const two = (value: number): string => String(value % 100).padStart(2, '0')
const month = (date: CalendarDate): string => MONTHS[date.month - 1]!
const short = (name: string): string => name.slice(0, 3)

function ordinal({ day }: CalendarDate): string {
  const last = day % 10
  const ending = last > 3 || last === 0 || (day > 10 && day < 14) ? 'th' : ['st', 'nd', 'rd'][last - 1]
  return `${day}${ending}`
}

/** The ways in which people write a date. Strokes stand between month, day and year, points between day, month and year. */
export const DATE_FORMS: readonly ((date: CalendarDate) => string)[] = Object.freeze([
  (d: CalendarDate) => `${d.day} ${month(d)} ${d.year}`,
  (d: CalendarDate) => `${two(d.day)} ${month(d)} ${d.year}`,
  (d: CalendarDate) => `${d.day} ${month(d)} ${two(d.year)}`,
  (d: CalendarDate) => `${d.day} ${short(month(d))} ${d.year}`,
  (d: CalendarDate) => `${d.day} ${short(month(d))} '${two(d.year)}`,
  (d: CalendarDate) => `${d.day} ${month(d).toLowerCase()} ${d.year}`,
  (d: CalendarDate) => `${ordinal(d)} ${month(d)} ${d.year}`,
  (d: CalendarDate) => `${ordinal(d)} of ${month(d)}, ${d.year}`,
  (d: CalendarDate) => `the ${ordinal(d)} of ${month(d)} ${d.year}`,
  (d: CalendarDate) => `${month(d)} ${d.day}, ${d.year}`,
  (d: CalendarDate) => `${short(month(d))} ${d.day}, ${d.year}`,
  (d: CalendarDate) => `${short(month(d))}. ${d.day} ${d.year}`,
  (d: CalendarDate) => `${month(d)} ${ordinal(d)}, ${d.year}`,
  (d: CalendarDate) => `${month(d).toUpperCase()} ${d.day} ${d.year}`,
  (d: CalendarDate) => `${d.weekday}, ${d.day} ${month(d)} ${d.year}`,
  (d: CalendarDate) => `${short(d.weekday)}, ${two(d.day)} ${short(month(d))} ${d.year}`,
  (d: CalendarDate) => `${d.weekday}, ${month(d)} ${d.day}, ${d.year}`,
  (d: CalendarDate) => `${d.weekday} the ${ordinal(d)} of ${month(d)} ${d.year}`,
  (d: CalendarDate) => `${two(d.day)}.${two(d.month)}.${d.year}`,
  (d: CalendarDate) => `${d.day}.${d.month}.${d.year}`,
  (d: CalendarDate) => `${d.day}.${d.month}.${two(d.year)}`,
  (d: CalendarDate) => `${d.day} ${ROMAN[d.month - 1]} ${d.year}`,
  (d: CalendarDate) => `${two(d.month)}/${two(d.day)}/${d.year}`,
  (d: CalendarDate) => `${d.month}/${d.day}/${d.year}`,
  (d: CalendarDate) => `${d.month}/${d.day}/${two(d.year)}`,
  (d: CalendarDate) => `${d.year}/${two(d.month)}/${two(d.day)}`,
  (d: CalendarDate) => `${d.year}${two(d.month)}${two(d.day)}`,
  (d: CalendarDate) => `${two(d.day)}-${short(month(d)).toUpperCase()}-${two(d.year)}`,
  (d: CalendarDate) => `${d.year}, ${month(d)} the ${ordinal(d)}`,
  (d: CalendarDate) => `the ${ordinal(d)} day of ${month(d)} in the year ${d.year}`,
])

/** The date so many days after 1 January 1970. */
export function dateOf(index: number): CalendarDate {
  const date = new Date(index * 86_400_000)
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: WEEKDAYS[date.getUTCDay()]!,
  }
}

/** `1979-03-05` (ISO 8601). */
export function isoOf({ year, month: number, day }: CalendarDate): string {
  return `${year}-${two(number)}-${two(day)}`
}

/** Every day of a year in every form: dates have no other characters. */
export function datesOfYear(): Pair[] {
  return Array.from({ length: 365 }, (_, index) => dateOf(index)).flatMap((date) =>
    DATE_FORMS.map((written) => ({ source: written(date), target: isoOf(date) })),
  )
}

/** Days of each thirteenth are kept for the test, of another for validation, whatever the form: the rest is learnt from. */
export const PARTS = Object.freeze({
  test: [0],
  validation: [1],
  train: [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
})

/** A date of one part of the calendar, in one of its forms. */
export function drawDate(random: Random, part: keyof typeof PARTS): Pair {
  const classes = PARTS[part]
  const rest = classes[random.below(classes.length)]!
  const date = dateOf(13 * random.below(Math.floor((DAYS - rest + 12) / 13)) + rest)
  return { source: DATE_FORMS[random.below(DATE_FORMS.length)]!(date), target: isoOf(date) }
}

/** So many different days of one part, each in one of the forms. */
export function drawDates(random: Random, part: keyof typeof PARTS, count: number): Pair[] {
  const pairs = new Map<string, Pair>()
  while (pairs.size < count) {
    const pair = drawDate(random, part)
    pairs.set(pair.target, pair)
  }
  return [...pairs.values()]
}
