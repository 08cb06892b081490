import { existsSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import type { AxeResults } from 'axe-core'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT, ServiceProcess } from './fixtures/process.js'

// The compiled service with the captioner that ships, and a real browser: CHROMIUM, or Debian's.
const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium'

const BUILT = resolve(ROOT, 'dist/server/page')
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

let service: ServiceProcess
let url: string
let browser: Browser
let page: Page
const foreign: string[] = []
const complaints: string[] = []

beforeAll(async () => {
  if (!existsSync(BROWSER))
    throw new Error(`Expected ${BROWSER}; apt-get install chromium, or CHROMIUM=its path`)
  service = await ServiceProcess.start()
  url = service.url
  browser = await chromium.launch({
    executablePath: BROWSER,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
  const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] })
  page = await context.newPage()
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !/^(blob|data):/.test(request.url())) foreign.push(request.url())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  await page.goto(url)
}, 120_000)

afterAll(async () => {
  await browser?.close()
  await service?.stop()
})

const photo = async (name: string) => ({
  name,
  mimeType: 'image/jpeg',
  buffer: await readFile(resolve(ROOT, 'examples', name)),
})
const cards = () => page.locator('#album > li')
const allDone = (photos: number, where: Page = page) =>
  where.waitForFunction(
    (photos) =>
      document.querySelectorAll('#album > li').length === photos &&
      document.querySelectorAll('#album > li.waiting').length === 0,
    photos,
  )
const status = () => page.locator('#status').textContent()

/** Gives the page files as a browser does when they are dropped or pasted. */
const hand = (kind: 'drop' | 'paste', files: Awaited<ReturnType<typeof photo>>[]) =>
  page.evaluate(
    ([kind, files]) => {
      const data = new DataTransfer()
      for (const { name, base64 } of files) {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
        data.items.add(new File([bytes], name, { type: 'image/jpeg' }))
      }
      const how = { bubbles: true, cancelable: true }
      const event =
        kind === 'drop'
          ? new DragEvent('drop', { ...how, dataTransfer: data })
          : new ClipboardEvent('paste', { ...how, clipboardData: data })
      document.body.dispatchEvent(event)
    },
    [kind, files.map(({ name, buffer }) => ({ name, base64: buffer.toString('base64') }))] as const,
  )

it('captions photos that are dropped, and says which one is damaged', async () => {
  const cat = await photo('cat.jpg')
  const damaged = { ...cat, name: 'damaged.jpg', buffer: cat.buffer.subarray(0, 9000) }
  await hand('drop', [cat, damaged, await photo('coffee.jpg')])
  await allDone(3)
  await expect(cards().nth(0).locator('h3').textContent()).resolves.toMatch(/\bcat\b/i)
  expect(await cards().nth(1).getAttribute('class')).toBe('failed')
  await expect(cards().nth(1).textContent()).resolves.toContain('damaged')
  await expect(cards().nth(2).locator('p.sure').textContent()).resolves.toMatch(
    /^(Very likely|Likely|May be) (right|wrong) – \d+ %$/,
  )
  expect(await status()).toBe('2 of 3 photos captioned, 1 failed')
  expect(await page.locator('#progress').evaluate((bar: HTMLProgressElement) => bar.position)).toBe(1)
})

it('captions photos that are pasted and chosen', async () => {
  await hand('paste', [await photo('temple.jpg')])
  await page.setInputFiles('#files', await photo('rocket.jpg'))
  await allDone(5)
  expect(await status()).toBe('4 of 5 photos captioned, 1 failed')
})

it('shows the photos, with their captions as alternative text', async () => {
  const image = cards().first().locator('img')
  expect(await image.evaluate((shown: HTMLImageElement) => shown.naturalWidth)).toBeGreaterThan(100)
  expect(await image.getAttribute('alt')).toBe(await cards().first().locator('h3').textContent())
})

it('shows where it looked at a word that is pointed at, or reached by keyboard', async () => {
  const card = cards().first()
  const light = card.locator('.photo canvas')
  const isOn = async () => (await light.getAttribute('class'))!.includes('on')
  const words = card.locator('.caption button')
  expect(await isOn()).toBe(false)
  await words.nth(1).hover()
  expect(await isOn()).toBe(true)
  await page.mouse.move(0, 0)
  expect(await isOn()).toBe(false)
  // One stop of the tab key a caption, then the arrows.
  await words.first().focus()
  for (const key of ['ArrowRight', 'ArrowRight', 'End', 'Home', 'ArrowRight']) await page.keyboard.press(key)
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(
    await words.nth(1).textContent(),
  )
  expect(await isOn()).toBe(true)
  await expect(words.nth(1).getAttribute('aria-label')).resolves.toMatch(
    /: (all over|the middle|(top|bottom)?( ?(left|right))?)$/,
  )
  await page.keyboard.press('Tab')
  expect(await isOn()).toBe(false)
  const drawn = await light.evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height)
    return new Set(data.filter((_, i) => i % 4 === 3)).size
  })
  expect(drawn).toBeGreaterThan(10)
})

it('has a photo dragged out, which is not laid here anew', async () => {
  const image = cards().first().locator('img')
  await image.scrollIntoViewIfNeeded()
  const { x, y } = (await image.boundingBox())!
  await page.evaluate(() => {
    const note = ({ type, target }: Event) => {
      document.body.dataset[type] = (target as Element).tagName
    }
    for (const type of ['dragstart', 'drop']) document.addEventListener(type, note, { once: true })
  })
  await page.mouse.move(x + 40, y + 40)
  await page.mouse.down()
  await page.mouse.move(x + 60, y + 60, { steps: 5 })
  await page.mouse.move(x + 80, y + 80, { steps: 5 })
  await page.mouse.up()
  await page.waitForFunction(() => document.body.dataset.drop !== undefined)
  expect(await page.evaluate(() => document.body.dataset.dragstart)).toBe('IMG')
  expect(await cards().count()).toBe(5)
})

it('is printed as photos with what was told of them, which the corners do not cover', async () => {
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
  const styles = await page.evaluate(() => ({
    corners: getComputedStyle(document.querySelector('.photo')!, '::after').display,
    torn: getComputedStyle(document.querySelector('#album > li')!).breakInside,
    ink: getComputedStyle(document.documentElement).color,
  }))
  expect(styles).toEqual({ corners: 'none', torn: 'avoid', ink: 'rgb(34, 39, 43)' })
  const card = cards().first()
  for (const part of ['img', '.caption button', '.others button'])
    expect([part, await card.locator(part).first().isVisible()]).toEqual([part, true])
  for (const part of ['#place', '#csv', '#progress', '#album .actions', '#album .hint'])
    expect([part, await page.locator(part).first().isVisible()]).toEqual([part, false])
  await page.emulateMedia({ media: null, colorScheme: null })
})

it('takes another caption instead, and copies it as alt text', async () => {
  const card = cards().first()
  const other = card.locator('.others button').first()
  const text = (await other.textContent())!
  await other.click()
  expect(await card.locator('h3').textContent()).toBe(text)
  const copy = card.getByRole('button', { name: 'Copy as alt text' })
  await copy.click()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(text)
  await card.getByRole('button', { name: 'Copied' }).waitFor()
})

it('hands out what it found as JSON lines and CSV', async () => {
  const download = async (button: string): Promise<string[]> => {
    const [file] = await Promise.all([page.waitForEvent('download'), page.click(button)])
    return (await readFile(await file.path(), 'utf8')).trim().split(/\r?\n/)
  }
  const names = ['cat.jpg', 'damaged.jpg', 'coffee.jpg', 'temple.jpg', 'rocket.jpg']
  const lines = (await download('#jsonl')).map((line) => JSON.parse(line))
  expect(lines.map(({ file }) => file)).toEqual(names)
  expect(lines[0].caption).toBe(await cards().first().locator('h3').textContent())
  const rows = await download('#csv')
  expect(rows[0]).toBe('file,caption,confidence,error')
  expect(rows.slice(1).map((row) => row.split(',')[0])).toEqual(names.map((name) => `"${name}"`))
})

it('offers the camera where there is one', async () => {
  expect(await page.locator('.camera').isVisible()).toBe(false)
  const phone = await browser.newContext({ ...PHONE, isMobile: true, hasTouch: true })
  const small = await phone.newPage()
  await small.goto(url)
  expect(await small.locator('.camera').isVisible()).toBe(true)
  expect(await small.locator('#camera').getAttribute('capture')).toBe('environment')
  await small.setInputFiles('#camera', await photo('flower.jpg'))
  await allDone(1, small)
  expect(await small.locator('#status').textContent()).toBe('1 of 1 photo captioned')
  await phone.close()
})

it('asks for a key where the service wants one, and then for the captions again', async () => {
  const guarded = await browser.newPage()
  await guarded.route('**/v1/**', async (route) => {
    if (route.request().headers().authorization === 'Bearer open sesame') return route.continue()
    const error = { code: 'UNAUTHORIZED', message: 'Expected a key', requestId: '1' }
    await route.fulfill({ status: 401, json: { error } })
  })
  await guarded.goto(url)
  await guarded.locator('#gate').waitFor()
  await guarded.setInputFiles('#files', await photo('cat.jpg'))
  await allDone(1, guarded)
  await expect(guarded.locator('#album').textContent()).resolves.toContain('The server wants a key.')
  await guarded.fill('#key', 'open sausage')
  await guarded.keyboard.press('Enter')
  await guarded.getByRole('alert').filter({ hasText: 'That key was refused.' }).waitFor()
  expect(await violationsOf(guarded)).toEqual([])
  await guarded.fill('#key', 'open sesame')
  await guarded.keyboard.press('Enter')
  await guarded.locator('#album h3').waitFor()
  expect(await guarded.locator('#gate').isVisible()).toBe(false)
  expect(await guarded.evaluate(() => document.activeElement?.id)).toBe('files')
  await guarded.close()
})

const DESK = { viewport: { width: 1280, height: 900 } }
const PHONE = { viewport: { width: 390, height: 844 } }

/** What axe finds on a page as it stands. */
async function violationsOf(where: Page): Promise<string[]> {
  // The page's own policy lets in no script of others; the debugger is above it.
  await where.evaluate(await readFile(AXE, 'utf8'))
  const { violations, passes } = await where.evaluate(() => {
    const { axe } = window as unknown as { axe: { run(options: object): Promise<AxeResults> } }
    return axe.run({ rules: { 'target-size': { enabled: true } } })
  })
  expect(passes.length).toBeGreaterThan(10)
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}

describe.each([
  ['light', DESK],
  ['light', PHONE],
  ['dark', DESK],
  ['dark', PHONE],
] as const)('in %s at %o', (colorScheme, { viewport }) => {
  it('has nothing that axe objects to, empty or full', async () => {
    const context = await browser.newContext({ colorScheme, viewport, reducedMotion: 'reduce' })
    const shown = await context.newPage()
    await shown.goto(url)
    expect(await violationsOf(shown)).toEqual([])
    const cat = await photo('cat.jpg')
    const damaged = { ...cat, name: 'damaged.jpg', buffer: cat.buffer.subarray(0, 9000) }
    await shown.setInputFiles('#files', [await photo('temple.jpg'), damaged, cat])
    await allDone(3, shown)
    await shown.locator('.caption button').nth(2).click()
    expect(await violationsOf(shown)).toEqual([])
    // Nothing to be scrolled sideways.
    const { width, seen } = await shown.evaluate(() => ({
      width: document.documentElement.scrollWidth,
      seen: document.documentElement.clientWidth,
    }))
    expect(width).toBe(seen)
    await context.close()
  })
})

it('is smaller than 60 kB, all files together', async () => {
  const files = await readdir(BUILT)
  const sizes = await Promise.all(files.map(async (file) => (await stat(resolve(BUILT, file))).size))
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(60_000)
})

it('asks no other host for anything, and nothing goes wrong in it', () => {
  expect(foreign).toEqual([])
  // The browser itself reports the 4xx answer for the damaged photo.
  expect(complaints.filter((complaint) => !/status of 4\d\d/.test(complaint))).toEqual([])
})
