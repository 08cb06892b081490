import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'

// The compiled service with the captioner that ships, and a real browser: CHROMIUM, or Debian's.
const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium'
const ROOT = resolve(import.meta.dirname, '..')

let service: ChildProcess
let browser: Browser
let page: Page
const foreign: string[] = []
const complaints: string[] = []

beforeAll(async () => {
  for (const [file, remedy] of [
    [resolve(ROOT, 'dist/scripts/main.js'), 'npm run build'],
    [BROWSER, 'apt-get install chromium, or CHROMIUM=its path'],
  ] as const)
    if (!existsSync(file)) throw new Error(`Expected ${file}; ${remedy}`)
  service = spawn(process.execPath, [resolve(ROOT, 'bin/showtell.js'), 'serve', '--port', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const url = await new Promise<string>((found, failed) => {
    let told = ''
    service.stderr!.on('data', (chunk) => {
      told += chunk
      const match = /at (http:\S+)/.exec(told)
      if (match !== null) found(match[1]!)
    })
    service.once('exit', () => failed(new Error(told)))
  })
  browser = await chromium.launch({
    executablePath: BROWSER,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
  page = await browser.newPage()
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
  if (service?.exitCode === null) {
    service.kill('SIGTERM')
    await once(service, 'exit')
  }
})

it('captions the photos it is given, and says which one is damaged', async () => {
  const photo = async (name: string) => ({
    name,
    mimeType: 'image/jpeg',
    buffer: await readFile(resolve(ROOT, 'examples', name)),
  })
  const cat = await photo('cat.jpg')
  const damaged = { ...cat, name: 'damaged.jpg', buffer: cat.buffer.subarray(0, 9000) }
  await page.setInputFiles('#files', [cat, damaged, await photo('coffee.jpg')])
  const cards = page.locator('#album > li')
  await page.waitForFunction(() => document.querySelectorAll('#album > li.waiting').length === 0)
  expect(await cards.count()).toBe(3)
  await expect(cards.nth(0).locator('h3').textContent()).resolves.toMatch(/\bcat\b/i)
  expect(await cards.nth(1).getAttribute('class')).toBe('failed')
  await expect(cards.nth(2).locator('.sure').textContent()).resolves.toMatch(/\d+ %/)
  await expect(page.locator('#status').textContent()).resolves.toBe('2 of 3 photos captioned, 1 failed')
})

it('shows where it looked at a word', async () => {
  const card = page.locator('#album > li').first()
  const light = card.locator('.photo canvas').nth(1)
  expect(await light.getAttribute('class')).not.toContain('on')
  await card.locator('.caption button').nth(1).focus()
  expect(await light.getAttribute('class')).toContain('on')
})

it('hands out what it found as JSON lines', async () => {
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#jsonl')])
  const lines = (await readFile(await download.path(), 'utf8')).trim().split('\n')
  expect(lines.map((line) => JSON.parse(line).file)).toEqual(['cat.jpg', 'damaged.jpg', 'coffee.jpg'])
})

it('asks no other host for anything, and nothing goes wrong in it', () => {
  expect(foreign).toEqual([])
  // The browser itself reports the 4xx answer for the damaged photo.
  expect(complaints.filter((complaint) => !/status of 4\d\d/.test(complaint))).toEqual([])
})
