import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { writeBundle } from '../decoder/bundle.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { inProcess } from './fixtures/commands.js'
import { register } from './hidden-states.js'

const PHOTO = fileURLToPath(new URL('../examples/cat.jpg', import.meta.url))

let folder: string
const at = (name: string): string => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hidden-states-'))
  await writeBundle(at('bundle'), tinyContent())
})
afterAll(() => rm(folder, { recursive: true }))

const { saidBy, refusalOf } = inProcess(register)
const show = (photos: readonly string[], out: string): string[] => [
  ...['hidden-states', ...photos, '--bundle', at('bundle'), '--engine', 'cpu', '--out', at(out)],
]

it('writes page and picture into a folder of its own, and refuses a place that is taken before it captions', async () => {
  await saidBy(show([PHOTO], 'new/place/states'))
  expect((await readdir(at('new/place'))).sort()).toEqual(['states.html', 'states.svg'])
  await mkdir(at('taken.svg'))
  expect(await refusalOf(show([PHOTO], 'taken'))).toContain(
    `INVALID_ARGUMENT: Expected a file that can be written for ${at('taken.svg')} but received "a folder"`,
  )
}, 60_000)

it('leaves out a photo that cannot be read, and writes nothing where none can', async () => {
  await writeFile(at('broken.jpg'), 'no photo')
  expect(await saidBy(show([at('broken.jpg'), PHOTO], 'some'), [1])).toMatch(/^left out: .*broken\.jpg/m)
  expect(await readFile(at('some.html'), 'utf8')).toMatch(/over the \d+ words of 1 captions/)
  expect(await refusalOf(show([at('broken.jpg')], 'none'))).toContain(
    'INVALID_DATA: Expected at least one photo that can be read for hidden-states but received "none"',
  )
  expect((await readdir(folder)).filter((name) => name.startsWith('none'))).toEqual([])
}, 60_000)
