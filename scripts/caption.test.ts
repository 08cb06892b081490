import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { writeBundle } from '../decoder/bundle.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { register } from './caption.js'
import { captionFolder, PHOTOS } from './fixtures/caption-folder.js'
import { inProcess, outputOf, ROOT, run, SHOWTELL } from './fixtures/commands.js'
import { drawPhotos } from './fixtures/photos.js'

const { refusalOf, saidBy } = inProcess(register)
const { at, caption } = captionFolder('caption')

it('tries a photo again that failed, and goes through /dev/stdout, into a pipe or a file', async () => {
  await mkdir(at('some'))
  const photo = await readFile(at('photos/2.jpg'))
  await writeFile(at('some/half.jpg'), photo.subarray(0, 400))
  const command = ['caption', at('some'), ...caption().slice(2)]
  const written = [...command, '--output', at('some.jsonl')]
  expect(await run(written, [1])).toContain(`skipped ${at('some/half.jpg')}`)
  await writeFile(at('some/half.jpg'), photo)
  await run(written)
  const lines = await readFile(at('some.jsonl'), 'utf8')
  expect(JSON.parse(lines)).toMatchObject({ file: at('some/half.jpg'), caption: expect.any(String) })
  for (const into of ['| cat', `> ${at('redirected')}; cat ${at('redirected')}`]) {
    const script = `"$0" "$@" --output /dev/stdout ${into}`
    const args = ['-c', script, process.execPath, SHOWTELL, ...command]
    expect((await promisify(execFile)('bash', args)).stdout).toBe(lines)
  }
  for (const beside of ['run.json', 'lock']) expect(existsSync(`/dev/stdout.${beside}`)).toBe(false)
})

it('writes into a pipe what a format says, without a file', async () => {
  const csv = ['--format', 'csv']
  const lines = await outputOf(caption('--output', '-'), '')
  expect(
    lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).file),
  ).toHaveLength(PHOTOS)
  const table = await outputOf(caption(...csv), '')
  expect(table).toMatch(/^file,caption,confidence,error\r\n/)
  await run(caption('--output', at('table.CSV')))
  expect(await readFile(at('table.CSV'), 'utf8')).toBe(table)
  for (const made of ['-', '-.run.json']) expect(existsSync(join(ROOT, made))).toBe(false)
})

it('writes no confidence where the captioner is not calibrated', async () => {
  const { config, ...content } = tinyContent()
  const { confidence: _, ...uncalibrated } = config
  await writeBundle(at('uncalibrated'), { ...content, config: uncalibrated })
  const command = ['caption', at('photos/1.jpg'), '--bundle', at('uncalibrated'), '--threads', '1']
  expect(await saidBy([...command, '--output', at('unsure.jsonl')])).toContain(
    'confidences are left out, since tiny is not calibrated\n',
  )
  const line = JSON.parse(await readFile(at('unsure.jsonl'), 'utf8'))
  expect(Object.keys(line)).toEqual(['file', 'caption', 'logProb'])
})

it('takes a photo from the standard input, another each time', async () => {
  const photo = await readFile(at('photos/1.jpg'))
  const command = ['caption', '-', ...caption().slice(2)]
  const [line] = (await outputOf(caption('--output', '-'), '')).split('\n')
  const { file: _, ...said } = JSON.parse(line!)
  expect(JSON.parse(await outputOf([...command, '--format', 'jsonl'], photo))).toEqual({
    file: 'stdin',
    ...said,
  })
  const kept = [...command, '--output', at('piped.jsonl'), '--attention', at('piped')]
  for (let time = 1; time <= 2; time++) {
    await outputOf(kept, photo)
    expect((await readFile(at('piped.jsonl'), 'utf8')).match(/"file":"stdin","caption"/g)).toHaveLength(time)
  }
  expect(await readFile(at('piped/stdin.svg'), 'utf8')).toContain('<svg')
  expect(await run(command, [1])).toBe('NOT_FOUND: Expected a photo for stdin but received "nothing"\n')
  expect(await refusalOf([...command, '--xmp'])).toContain('Expected photos that lie in files for --xmp')
})

it('captions what is there though a name is mistyped, and says so', async () => {
  const said = await run(caption(at('typo.jpg'), '--output', at('typed.jsonl')), [1])
  expect(said).toContain(
    `skipped ${at('typo.jpg')}: Expected at least one photo for ${at('typo.jpg')} but there is no such file`,
  )
  expect((await readFile(at('typed.jsonl'), 'utf8')).match(/"caption"/g)).toHaveLength(PHOTOS)
})

it('passes over nothing in silence: a place without a photo, a photo that was replaced, two photos of one id', async () => {
  await drawPhotos(at('album/2019'), 2)
  await symlink('gone', at('album/broken.jpg'))
  const command = (folder: string) => ['caption', folder, ...caption().slice(2), '--output', at('album.json')]
  const coco = (folder: string) => [...command(folder), '--format', 'coco']
  const broken = `skipped ${at('album/broken.jpg')}: ENOENT`
  const said = await run(coco(at('album')), [1])
  expect(said).toContain(broken)
  expect(said).not.toContain('newer')
  await utimes(at('album/2019/2.jpg'), 2e9, 2e9)
  expect(await run(coco(`${at('.')}/album/`), [1])).toContain(
    `1 of 2 photos are newer than ${at('album.json')}; --overwrite captions them anew`,
  )
  expect(JSON.parse(await readFile(at('album.json'), 'utf8'))).toHaveLength(2)
  expect(await run(coco(at('photos')), [1])).toContain(
    `Expected photos with different names for --format coco but received ["${at('album/2019/1.jpg')}", "${at('photos/1.jpg')}"]`,
  )
})

it('takes no photo for done that has the name of another in another folder', async () => {
  const inAlbum = async (album: string): Promise<string> => {
    await drawPhotos(at(album), 1)
    const command = ['caption', '1.jpg', ...caption().slice(2), '--output', at('albums.jsonl')]
    return (await promisify(execFile)(process.execPath, [SHOWTELL, ...command], { cwd: at(album) })).stderr
  }
  await inAlbum('spring')
  await inAlbum('spring')
  await expect(inAlbum('autumn')).rejects.toThrow(/begun with \(folder ".*spring"\).*folder ".*autumn"/)
  // Where no name is relative, the folder does not matter.
  const command = ['caption', at('autumn/1.jpg'), ...caption().slice(2), '--output', at('albums.jsonl')]
  await run(command)
  const lines = (await readFile(at('albums.jsonl'), 'utf8')).trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line).file)).toEqual(['1.jpg', at('autumn/1.jpg')])
})

it('empties an output with --overwrite only once it knows that there will be captions', async () => {
  await writeFile(at('kept.jsonl'), 'captions of before\n')
  const refused = async (...more: string[]): Promise<string> => {
    const said = await run(caption('--output', at('kept.jsonl'), '--overwrite', ...more), [1])
    expect(await readFile(at('kept.jsonl'), 'utf8')).toBe('captions of before\n')
    return said
  }
  expect(await refused('--style', 'loud')).toContain(
    'Expected one of plain, ornate for --style but received "loud"',
  )
  expect(await refused('--max-length', '3')).toContain(
    'Expected an integer from minLength 4 for maxLength but received 3',
  )
})

it.each([
  [['--threads', '65'], 'Expected an integer from 1 to 64 for threads but received 65'],
  [['--threads', 'all'], 'Expected a number for --threads but received "all"'],
  [['--replace-alt-texts'], 'Expected --xmp for --replace-alt-texts'],
  [['--overwrite'], 'Expected --output for --overwrite'],
  [
    ['--output', 'never-made.csv', '--format', 'csv', '--count', '2'],
    'Expected --count 1, or --format jsonl',
  ],
])('says what was expected of %j', async (options, message) => {
  expect(await refusalOf(caption(...options))).toContain(message)
})

it('ends quietly when nobody reads on', async () => {
  const script = '"$0" "$1" tokenize <(yes "A dog." | head -n 200000) | head -n 1'
  const child = spawn('bash', ['-c', script, process.execPath, SHOWTELL])
  let said = ''
  child.stderr.on('data', (text) => {
    said += text
  })
  await once(child, 'close')
  expect(said).toBe('')
})
