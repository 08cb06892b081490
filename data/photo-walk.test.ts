import * as fs from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { messageOf } from '../errors.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { photosIn } from './photo-walk.js'

// Root may list any folder: one is refused here.
vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>()
  const readdirSync = (path: string, options: { withFileTypes: true }) => {
    if (/locked.?$/.test(path)) throw new Error('EACCES: permission denied')
    return real.readdirSync(path, options)
  }
  return { ...real, readdirSync }
})

let folder: string
const at = (name: string): string => join(folder, name)
beforeEach(() => {
  folder = temporaryFolder('photo-walk', onTestFinished)
})

async function put(...names: string[]): Promise<void> {
  for (const name of names) {
    await fs.mkdir(dirname(at(name)), { recursive: true })
    await fs.writeFile(at(name), '')
  }
}

async function walk(inside = '.'): Promise<{ photos: string[]; told: string[] }> {
  const told: string[] = []
  const photos = photosIn(at(inside), (path, problem) => told.push(`${path}: ${messageOf(problem)}`))
  return { photos, told }
}

it('finds photos at any depth, sorted, and neither sidecars nor what is hidden', async () => {
  await put('b.JPG', 'a/2.png', 'a/b/3.webp', 'a/2.png.xmp', '.thumbnails/1.jpg', '._b.JPG', 'notes.txt')
  await fs.mkdir(at('folder.jpg'))
  expect(await walk()).toEqual({ photos: ['a/2.png', 'a/b/3.webp', 'b.JPG'], told: [] })
})

it('leaves out thumbnails and deleted photos of a NAS, unless they are asked for', async () => {
  const thumbnail = '2019/@eaDir/1.jpg/SYNOPHOTO_THUMB_XL.jpg'
  await put('2019/1.jpg', thumbnail, '#recycle/2.jpg', '$RECYCLE.BIN/3.jpg', 'a/@Recently-Snapshot/4.jpg')
  expect(await walk()).toEqual({ photos: ['2019/1.jpg'], told: [] })
  expect((await walk('#recycle')).photos).toEqual(['2.jpg'])
})

it('follows links to photos and to folders, one in another, and enters a circle once', async () => {
  await put('photos/1.jpg', 'photos-of-others/2.jpg', 'far/3.jpg')
  // The real path of the one is the beginning of the other's.
  await fs.symlink(at('photos-of-others'), at('photos/others'))
  await fs.symlink(at('photos'), at('photos-of-others/back'))
  await fs.symlink('.', at('photos/self'))
  await fs.symlink(at('far/3.jpg'), at('photos/3.jpg'))
  await fs.symlink(at('photos'), at('link'))
  for (const start of ['photos', 'link'])
    expect(await walk(start)).toEqual({ photos: ['1.jpg', '3.jpg', 'others/2.jpg'], told: [] })
})

it('tells what cannot be looked at, and goes on', async () => {
  await put('1.jpg', 'locked/2.jpg', 'z/3.jpg')
  await fs.symlink(at('gone'), at('broken.jpg'))
  await fs.symlink('loop', at('loop'))
  const { photos, told } = await walk()
  expect(photos).toEqual(['1.jpg', 'z/3.jpg'])
  expect(told.toSorted()).toEqual([
    expect.stringContaining(`${at('broken.jpg')}: ENOENT`),
    `${at('locked')}: EACCES: permission denied`,
    expect.stringContaining(`${at('loop')}: ELOOP`),
  ])
  await expect(walk('none')).rejects.toThrow('ENOENT')
  await expect(walk('locked')).rejects.toThrow('EACCES')
})
