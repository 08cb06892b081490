import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { serve } from '../data/fetch/fixtures/server.js'
import { SOURCES } from '../data/fetch/sources.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { inWholes, register } from './fetch.js'
import { inProcess, killAtWork, run } from './fixtures/commands.js'

const { files, archives } = SOURCES['coco-subset']
const pathOf = ({ url }: { url: string }): string => new URL(url).pathname
const photos = Object.fromEntries(
  Object.values(files).map((file, index) => [pathOf(file), Buffer.from(`photo ${index} `.repeat(20))]),
)

const { writtenBy, refusalOf } = inProcess(register)

let folder: string
beforeEach(() => {
  folder = temporaryFolder('fetch', onTestFinished)
})

test('killed at work and started again, the photos of coco-subset come once each; what is missing is named', async () => {
  const [lost = ''] = Object.keys(photos)
  const { [lost]: _, ...others } = photos
  const server = await serve(others, { pause: 1 })
  const command = ['fetch', 'coco-subset', '--out', folder, '--mirror', server.address]
  // The archive of the captions cannot be made up, since its sum is published: here it is done already.
  await writeFile(join(folder, 'captions.json'), '{}')
  expect(await killAtWork(command, join(folder, 'SHA256SUMS'), 20_000)).toBe(true)
  delete server.behaviour.pause
  const said = await run(command, [1])
  expect(said).toContain('files have no published sum')
  expect(said).toMatch(new RegExp(`Expected a file for .*${lost} but received "status 404"`))
  expect(said).toContain('1 of the files could not be had')
  for (const [path, bytes] of Object.entries(others))
    expect(await readFile(join(folder, path.replace('/val2014', 'photos')))).toEqual(bytes)
  // Those that were under way when it was killed were asked for twice, and no others but the lost one.
  expect(server.asked.length).toBeLessThanOrEqual(500 + 8 + 1)
  await server.close()
})

test('an archive that is not the published one is not unpacked, and the host is told', async () => {
  const archive = archives[0]!
  const server = await serve({ [pathOf(archive)]: Buffer.from('something else') })
  const said = await refusalOf(['fetch', 'coco-subset', '--out', folder, '--mirror', server.address])
  expect(said).toContain('500 photos of COCO')
  expect(said).toContain(`Expected 252872794 bytes for ${server.address}${pathOf(archive)} but received 14`)
  expect(await readdir(folder)).toEqual([])
  await server.close()
})

test('says how to score photos of flickr8k that nothing was trained on, as a shell takes it', async () => {
  for (const out of [folder, join(folder, `Ann's "$HOME" \\ \`pwd\``)]) {
    for (const done of ['text', 'photos']) await mkdir(join(out, done), { recursive: true })
    const command = await writtenBy(['fetch', 'flickr8k', '--out', out])
    expect(command.includes('"')).toBe(out !== folder)
    const words = execFileSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' })
    expect(words.trimEnd().split('\n')).toEqual([
      ...['showtell', 'evaluate', '--references', join(out, 'text/Flickr8k.token.txt')],
      ...['--images', join(out, 'photos'), '--split', 'test', '--style', 'flickr8k'],
    ])
  }
})

test('the bar ends full, whatever part of a megabyte the last one is', () => {
  for (const bytes of [252_872_794, 252_000_000, 2_340_801, 14])
    expect(inWholes({ done: bytes / 1e6, total: bytes / 1e6 })).toEqual({
      done: Math.ceil(bytes / 1e6),
      total: Math.ceil(bytes / 1e6),
    })
  expect(inWholes({ done: 0, total: Number.NaN })).toEqual({ done: 0, total: 0 })
})

test('a data set that is not on the list is answered with the list', async () => {
  expect(await refusalOf(['fetch', 'imagenet'])).toContain('Allowed choices are coco-subset, flickr8k')
})

test('a mirror that is no address is refused before anything is made', async () => {
  const out = join(folder, 'never-made')
  expect(await refusalOf(['fetch', 'coco-subset', '--out', out, '--mirror', 'foo'])).toBe(
    'INVALID_ARGUMENT: Expected an address for --mirror but received "foo"\n',
  )
  expect(await readdir(folder)).toEqual([])
})
