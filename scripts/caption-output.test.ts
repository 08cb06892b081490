import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFile,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { FINISHED, halfDoneAt, openAt, photo, RUN } from './fixtures/caption-outputs.js'

let folder: string
let path: string
beforeEach(() => {
  folder = temporaryFolder('output', onTestFinished)
  path = join(folder, 'captions')
})

/** The number of a process that there was. */
async function endedProcess(): Promise<number> {
  const child = spawn(process.execPath, ['--eval', ''])
  await once(child, 'exit')
  return child.pid!
}

describe.each(['jsonl', 'csv', 'coco'] as const)('an output as %s', (format) => {
  it('is gone on with after a kill in the middle of a line', async () => {
    await halfDoneAt(path, format)
    await appendFile(format === 'jsonl' ? path : `${path}.lines`, '{"file":"3.jpg","capt')
    const output = await openAt(path, format)
    expect(output.othersThan([])).toEqual(['1.jpg'])
    await output.write('3.jpg', photo('A bird.'))
    await output.write('2.jpg', new Error('damaged'))
    await output.finish(['1.jpg', '2.jpg', '3.jpg'])
    await output.close()
    expect(await readFile(path, 'utf8')).toBe(FINISHED[format])
    const beside = format === 'jsonl' ? [] : ['captions.lines']
    expect((await readdir(folder)).sort()).toEqual(['captions', ...beside, 'captions.run.json'])
  })

  it('tries a photo again that failed, until it has a caption', async () => {
    await halfDoneAt(path, format)
    const output = await openAt(path, format)
    await output.write('2.jpg', photo('A fish.'))
    await output.finish(['1.jpg', '2.jpg'])
    await output.close()
    const text = await readFile(path, 'utf8')
    expect(text).toContain('A fish.')
    expect(text).not.toContain('damaged')
    const again = await openAt(path, format)
    expect(again.othersThan([])).toEqual(['1.jpg', '2.jpg'])
    await again.close()
  })

  it('keeps what it has of other photos, those that failed too unless they are gone', async () => {
    const home = process.cwd()
    onTestFinished(() => process.chdir(home))
    process.chdir(folder)
    await writeFile('2.jpg', 'half a photo')
    await halfDoneAt(path, format)
    const output = await openAt(path, format)
    await output.write('3.jpg', photo('A bird.'))
    await output.finish(['3.jpg'])
    await output.close()
    const text = await readFile(path, 'utf8')
    const found = ['A bird.', 'A cat.', 'damaged'].filter((said) => text.includes(said))
    expect(found).toEqual(['A bird.', 'A cat.', ...(format === 'coco' ? [] : ['damaged'])])
    const again = await openAt(path, format)
    expect(again.othersThan([])).toEqual(['1.jpg', '3.jpg'])
    await again.finish([])
    await again.close()
    if (format !== 'coco') expect(await readFile(path, 'utf8')).toContain('damaged')
    await rm('2.jpg')
    const without = await openAt(path, format)
    expect(without.othersThan([])).toEqual(['1.jpg', '3.jpg'])
    await without.finish([])
    await without.close()
    for (const name of await readdir(folder)) expect(await readFile(name, 'utf8')).not.toContain('damaged')
  })

  it('knows a photo by whatever path it is given, and when it was written, which looking does not change', async () => {
    const first = await openAt(path, format)
    await first.write('./photos//1.jpg', photo('A cat.'))
    await first.close()
    const gathered = format === 'jsonl' ? path : `${path}.lines`
    await utimes(gathered, 100, 100)
    for (let look = 0; look < 2; look++) {
      const output = await openAt(path, format)
      for (const file of ['./photos//1.jpg', join('photos', '1.jpg'), resolve('photos/1.jpg')])
        expect(output.isDone(file)).toBe(true)
      expect(output.isDone('1.jpg')).toBe(false)
      // As it was given or as it is given now, it is one line of what is finished.
      await output.finish([resolve('photos/1.jpg')])
      expect((await readFile(path, 'utf8')).match(/photos\/+1\.jpg/g)).toHaveLength(1)
      expect(output.writtenAt).toBe(100_000)
      await output.close()
    }
  })

  it('was last written to when it got a caption, not when photos failed again', async () => {
    await halfDoneAt(path, format)
    const gathered = format === 'jsonl' ? path : `${path}.lines`
    await utimes(gathered, 100, 100)
    for (const result of [undefined, new Error('damaged'), photo('A fish.')]) {
      const output = await openAt(path, format)
      expect(output.writtenAt).toBe(100_000)
      if (result !== undefined) await output.write('2.jpg', result)
      await output.close()
    }
    const output = await openAt(path, format)
    expect(output.writtenAt).toBeGreaterThan(Date.now() - 60_000)
    await output.close()
  })

  it('has one writer at a time; the lock of one that was killed is no hindrance', async () => {
    const output = await openAt(path, format)
    await expect(openAt(path, format)).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: `Expected no other writer of ${path} but this process is writing it; if that is not so, delete ${path}.lock`,
    })
    await expect(openAt(path, format, RUN, true)).rejects.toThrow('Expected no other writer')
    await output.write('1.jpg', photo('A cat.'))
    const lock = await readFile(`${path}.lock`, 'utf8')
    await output.close()
    await writeFile(`${path}.lock`, lock.replace(/^\d+/, String(await endedProcess())))
    const again = await openAt(path, format)
    expect(again.othersThan([])).toEqual(['1.jpg'])
    await again.close()
    expect(await readdir(folder)).not.toContain('captions.lock')
  })

  it('is begun anew when told to', async () => {
    await halfDoneAt(path, format)
    const output = await openAt(path, format, { count: 2 }, true)
    expect(output.othersThan([]).length).toBe(0)
    await output.close()
    await (await openAt(path, format, { count: 2 })).close()
  })
})

it('is written where a link points to, also when it is begun anew', async () => {
  await symlink('elsewhere', path)
  const output = await openAt(path, 'jsonl', RUN, true)
  await output.write('1.jpg', photo('A cat.'))
  await output.close()
  await (await openAt(path, 'jsonl', RUN, true)).close()
  expect([await readlink(path), await readFile(join(folder, 'elsewhere'), 'utf8')]).toEqual(['elsewhere', ''])
})

it('says on a full disk that it can be gone on with', async () => {
  const output = await openAt(path, 'csv', RUN, true)
  await output.write('1.jpg', photo('A cat.'))
  await mkdir(`${path}.part`)
  const again = '; the same command without --overwrite goes on'
  await expect(output.finish(['1.jpg'])).rejects.toThrow(
    new RegExp(`^Expected to write ${path} but EISDIR: .*${again}$`),
  )
  const handle = await open(path, 'a')
  onTestFinished(() => handle.close())
  const full = vi.spyOn(Object.getPrototypeOf(handle), 'appendFile')
  full.mockRejectedValueOnce(new Error('ENOSPC: no space left on device, write'))
  await expect(output.write('2.jpg', photo('A dog.'))).rejects.toThrow(
    `Expected to write ${path}.lines but ENOSPC: no space left on device, write${again}`,
  )
  full.mockRestore()
  await output.close()
})

it('keeps a line that an editor left without its line break', async () => {
  await halfDoneAt(path, 'jsonl')
  const edited = (await readFile(path, 'utf8')).replace('A cat.', 'Rex, the cat.').split('\n')[0]!
  await writeFile(path, edited)
  const output = await openAt(path)
  expect(output.othersThan([])).toEqual(['1.jpg'])
  await output.write('3.jpg', photo('A bird.'))
  await output.close()
  const [first, second] = FINISHED.jsonl.split('\n')
  expect(await readFile(path, 'utf8')).toBe(`${edited}\n${second}\n`)
  expect(edited).toBe(first!.replace('A cat.', 'Rex, the cat.'))
})
