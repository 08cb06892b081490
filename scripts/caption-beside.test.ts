import { execFile } from 'node:child_process'
import { mkdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { register } from './caption.js'
import { captionFolder, PHOTOS } from './fixtures/caption-folder.js'
import { inProcess, run, SHOWTELL } from './fixtures/commands.js'
import { drawPhotos } from './fixtures/photos.js'

const { saidBy, writtenBy } = inProcess(register)
const { at, caption } = captionFolder('caption-beside')

it('leaves a photo beside which nothing can be written to the next run, and takes endings in any case', async () => {
  await mkdir(at('photos/1.jpg.xmp'))
  const command = caption('--xmp', '--output', at('captions.csv'))
  const namesIn = async (name: string) => (await readFile(at(name), 'utf8')).match(/\d\.[jJ]pg/g)
  const said = await run(command, [1])
  expect(said).toContain(`nothing beside ${at('photos/1.jpg')}: EISDIR`)
  expect(said).toContain(`1 of ${PHOTOS} photos are left; the same command goes on`)
  for (const name of ['captions.csv.lines', 'captions.csv'])
    expect(await namesIn(name)).toEqual(['2.jpg', '3.Jpg'])
  await rmdir(at('photos/1.jpg.xmp'))
  await run(command)
  expect(await namesIn('captions.csv.lines')).toEqual(['2.jpg', '3.Jpg', '1.jpg'])
  expect(await namesIn('captions.csv')).toEqual(['1.jpg', '2.jpg', '3.Jpg'])
  expect(await readFile(at('photos/1.jpg.xmp'), 'utf8')).toContain('AltText')
})

it('gives every caption to an output that nothing goes on with, whatever may not be written beside the photos', async () => {
  await drawPhotos(at('walled'), 2)
  await mkdir(at('walled/1.jpg.xmp'))
  const command = ['caption', at('walled'), ...caption().slice(2), '--xmp']
  for (const more of [[], ['--output', '/dev/stdout', '--format', 'csv']]) {
    const script = '"$0" "$@" | cat; echo "ended with $PIPESTATUS"'
    const args = ['-c', script, process.execPath, SHOWTELL, ...command, ...more]
    const { stdout, stderr } = await promisify(execFile)('bash', args)
    expect(stderr).toContain(`nothing beside ${at('walled/1.jpg')}: EISDIR`)
    expect(stderr).not.toContain('are left')
    expect(stdout.match(/walled\/\d\.jpg/g)).toEqual(['walled/1.jpg', 'walled/2.jpg'])
    expect(stdout).toMatch(/ended with 1\n$/)
  }
})

it('captions no photo twice for its alt text, unless more is asked for', async () => {
  await drawPhotos(at('weekly'), 2)
  const command = ['caption', at('weekly'), ...caption().slice(2), '--xmp']
  const filesOf = async (more: string[]) => (await writtenBy([...command, ...more])).match(/weekly\/\d\.jpg/g)
  expect(await filesOf([])).toEqual(['weekly/1.jpg', 'weekly/2.jpg'])
  await rm(at('weekly/2.jpg.xmp'))
  expect(await saidBy(command)).toContain('1 of 2 photos have an alt text; --replace-alt-texts replaces them')
  expect(await readFile(at('weekly/2.jpg.xmp'), 'utf8')).toContain('AltText')
  expect(await filesOf([])).toBe(null)
  for (const more of [['--replace-alt-texts'], ['--format', 'csv']])
    expect(await filesOf(more)).toEqual(['weekly/1.jpg', 'weekly/2.jpg'])
})

it('leaves the picture of a photo to it when another of its name joins', async () => {
  await drawPhotos(at('years'), 2)
  await mkdir(at('years/2019'))
  await rename(at('years/2.jpg'), at('years/2019/1.jpg'))
  await rename(at('years/1.jpg'), at('later.jpg'))
  const command = [
    ...['caption', at('years'), ...caption().slice(2)],
    ...['--output', at('years.jsonl'), '--attention', at('years-seen')],
  ]
  const shownIn = async (name: string) =>
    /base64,[^"]+/.exec(await readFile(at(`years-seen/${name}`), 'utf8'))![0]
  await saidBy(command)
  const first = await shownIn('1.jpg.svg')
  await rename(at('later.jpg'), at('years/1.jpg'))
  for (let time = 1; time <= 2; time++) {
    await saidBy(command)
    expect(await shownIn('2019/1.jpg.svg')).toBe(first)
    expect(await shownIn('1.jpg.svg')).not.toBe(first)
    const lines = (await readFile(at('years.jsonl'), 'utf8')).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line).file)).toEqual(['years/2019/1.jpg', 'years/1.jpg'].map(at))
  }
})

it('refuses photos that join others and would have a picture of one name', async () => {
  await drawPhotos(at('trip'), 1)
  const command = (name: string) => [
    ...['caption', at(name), ...caption().slice(2)],
    ...['--output', at('looked.jsonl'), '--attention', at('looks')],
  ]
  await run(command('trip'))
  await drawPhotos(at('other-trip'), 1)
  expect(await run(command('other-trip'), [1])).toContain(
    `Expected photos with different names for --attention but received ["${at('trip/1.jpg')}", "${at('other-trip/1.jpg')}"]`,
  )
  // The same photos go on.
  await run(command('trip'))
})
