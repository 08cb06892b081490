import * as fs from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { messageOf } from '../errors.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { photosOf, STDIN } from './caption-inputs.js'

/** More than a call takes arguments. */
const CROWD = 150_000

// Root may list any folder: one is refused here. Another is said to be full.
vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>()
  const readdirSync = (path: string, options: { withFileTypes: true }) => {
    if (/locked.?$/.test(path)) throw new Error('EACCES: permission denied')
    if (!/crowd.?$/.test(path)) return real.readdirSync(path, options)
    const kind = { isSymbolicLink: () => false, isDirectory: () => false, isFile: () => true }
    return Array.from({ length: CROWD }, (_, i) => ({ ...kind, name: `${i}.jpg` }))
  }
  return { ...real, readdirSync }
})

const folder = temporaryFolder('inputs')
const at = (name: string): string => join(folder, name)
beforeAll(async () => {
  const names = [
    '1.jpg',
    '2019/a.JPG',
    '2019/a.JPG.xmp',
    '2019/deep/b.png',
    '2020/c.jpg',
    'new (1)/d.jpg',
    'new (1)/!e.jpg',
    'new 1/f.jpg',
    'bare',
    'odd.img',
    'shared/a.jpg',
    'shared/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg',
    'shared/deep/#recycle/g.jpg',
    'text/t.txt',
  ]
  for (const name of names) {
    await fs.mkdir(dirname(at(name)), { recursive: true })
    await fs.writeFile(at(name), '')
  }
  await fs.symlink('.', at('2019/self'))
  await fs.symlink('gone', at('2020/broken.jpg'))
  await fs.symlink('../1.jpg', at('shared/linked.jpg'))
})

const OF_2019 = ['2019/a.JPG', '2019/deep/b.png']
it.each([
  ['a folder', ['2019'], OF_2019],
  ['a folder that is written otherwise, twice', ['2019/', './2019', '2020/../2019/a.JPG'], OF_2019],
  ['a file of any name', ['bare'], ['bare']],
  ['a glob that matches sidecars and folders', ['2019/**'], OF_2019],
  ['a glob that matches folders', ['20*'], [...OF_2019, '2020/c.jpg']],
  ['a glob at any depth, into no link', ['2019/**/*.JPG'], ['2019/a.JPG']],
  ['a glob under a link that is named', ['2019/self/*.JPG'], ['2019/self/a.JPG']],
  ['a glob under a folder whose name is like a pattern', ['new (1)/d*', 'new (1)\\d*'], ['new (1)/d.jpg']],
  ['a glob that begins with !', ['new (1)/!*.jpg'], ['new (1)/!e.jpg']],
  ['a glob that begins with !( )', ['new (1)/!(d).jpg'], ['new (1)/!e.jpg']],
  ['a glob where a NAS keeps things', ['shared/**/*.jpg'], ['shared/a.jpg', 'shared/linked.jpg']],
  ['a glob under what a NAS keeps', ['shared/deep/#recycle/*.jpg'], ['shared/deep/#recycle/g.jpg']],
  ['a glob with an ending of its own', ['*.img', '{1,x}.{img,jpg}'], ['odd.img', '1.jpg']],
  ['a glob that leaves the ending open', ['2019/*.JPG*', '{*.png,1.*}'], ['2019/a.JPG', '1.jpg']],
  ['a glob of files', ['*.jpg', '2019/*/*.png', '2020/*'], ['1.jpg', '2019/deep/b.png', '2020/c.jpg']],
])('%s', async (_, inputs, photos) => {
  // Not joined, which would tidy the input up.
  const given = inputs.map((input) => `${folder}/${input}`)
  expect(await photosOf(given, () => {})).toEqual(photos.map(at))
})

it('knows a photo by its whole path and from here as one', async () => {
  const inputs = [at('2019'), relative('.', at('2019')), relative('.', at('2019/*'))]
  expect(await photosOf(inputs, () => {})).toEqual(OF_2019.map(at))
})

it('takes what a folder has that a glob matches, however much it is', async () => {
  await fs.mkdir(at('crowd'))
  onTestFinished(() => fs.rmdir(at('crowd')))
  expect(await photosOf([at('crow*')], () => {})).toHaveLength(CROWD)
})

it('tells once what cannot be looked at, of folders and of those that a glob matches', async () => {
  for (const input of ['.', '**']) {
    const told: string[] = []
    await photosOf([at(input)], (path) => told.push(path))
    expect(told).toEqual([at('2020/broken.jpg')])
  }
})

it('goes on past a folder that a glob matches and the system does not list', async () => {
  await fs.mkdir(at('locked'))
  const told: string[] = []
  expect(await photosOf([at('{1.jpg,locked}')], (path) => told.push(path))).toEqual([at('1.jpg')])
  expect(told).toEqual([at('locked/')])
  await expect(photosOf([at('locked')], () => {})).rejects.toThrow('EACCES')
  await fs.rmdir(at('locked'))
})

it('does not say that nothing is there of what the system does not look at', async () => {
  await fs.symlink('round', at('round'))
  onTestFinished(() => fs.unlink(at('round')))
  for (const input of ['round', 'round/1.jpg'])
    await expect(photosOf([at(input)], () => {})).rejects.toMatchObject({
      code: 'ELOOP',
      message: expect.stringContaining(at(input)),
    })
})

const LONG = 'n'.repeat(300)
const WITHOUT: readonly (readonly [input: string, why: string])[] = [
  ['none', 'there is no such file'],
  ['1.jpg/none', 'there is no such file'],
  [LONG, 'there is no such file'],
  ['text', 'there is none in it'],
  ['none*', 'none matches'],
  ['text/*', 'none matches'],
]
it.each(WITHOUT)('refuses %s, without a photo, and says that %s', async (input, why) => {
  await expect(photosOf([at(input)], () => {})).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: `Expected at least one photo for ${at(input)} but ${why}`,
  })
})

it('tells what of several has no photo, and goes on', async () => {
  await fs.symlink('round', at('round'))
  onTestFinished(() => fs.unlink(at('round')))
  const address = 'https://example.org/1.jpg'
  const without = [...WITHOUT.map(([input]) => at(input)), at('round'), address]
  const told = new Map<string, string>()
  const tell = (path: string, problem: unknown): void => void told.set(path, messageOf(problem))
  expect(await photosOf([...without, at('1.jpg'), '-'], tell)).toEqual([at('1.jpg'), STDIN])
  expect([...told.keys()]).toEqual(without)
  expect(told.get(at('none'))).toContain('there is no such file')
  expect(told.get(at('round'))).toContain('ELOOP')
  expect(told.get(address)).toContain('addresses are not fetched')
  await expect(photosOf(without, tell)).rejects.toThrow('Expected at least one photo for')
})
