import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ServiceProcess } from './fixtures/process.js'

// The compiled service and a real browser: CHROMIUM, or Debian's.
let service: ServiceProcess
let browser: Browser

beforeAll(async () => {
  service = await ServiceProcess.start(['--log-level', 'warn'])
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
})

afterAll(async () => {
  await browser?.close()
  await service?.stop()
})

it('shows every operation, asks nobody else and breaks no rule of its own', async () => {
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('request', (request) => {
    if (!request.url().startsWith(service.url) && !request.url().startsWith('data:'))
      complaints.push(request.url())
  })
  await page.goto(`${service.url}/docs`)
  await page.waitForSelector('#operations-Captions-captions')
  const { paths } = await (await fetch(`${service.url}/openapi.json`)).json()
  const operations = Object.values(paths).flatMap((path) => Object.keys(path as object))
  expect(await page.locator('.opblock').count()).toBe(operations.length)
  await page.click('#operations-Captions-captions .opblock-summary-control')
  await page.waitForSelector('text=Captions returned a photo: the best')
  expect(complaints).toEqual([])
})

it('asks the service behind a proxy that takes a prefix away', async () => {
  const page = await browser.newPage()
  await page.route(`${service.url}/captioner/**`, async (route) => {
    const url = route.request().url().replace('/captioner/', '/')
    await route.fulfill({ response: await route.fetch({ url }) })
  })
  await page.goto(`${service.url}/captioner/docs/`)
  await page.click('#operations-Captions-model .opblock-summary-control')
  await page.click('.try-out__btn')
  const [answer] = await Promise.all([page.waitForResponse(/v1\/model$/), page.click('button.execute')])
  expect([answer.url(), answer.status()]).toEqual([`${service.url}/captioner/v1/model`, 200])
})
