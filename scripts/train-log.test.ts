import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TrainingLog } from './train-log.js'

let folder: string
let file: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'train-log-'))
  file = join(folder, 'log.jsonl')
})
afterAll(() => rm(folder, { recursive: true }))

it('is taken back to a step, without what was being written', async () => {
  const lines = [1, 2, 3].map((step) => `{"step":${step},"loss":1}\n`)
  await writeFile(file, `${lines.join('')}{"step":`)
  await new TrainingLog(folder).rewind(2)
  expect(await readFile(file, 'utf8')).toBe(lines.slice(0, 2).join(''))
})

it.each(['{"step":2,', 'null', '{"loss":1}'])('names a line that is none of its own: %s', async (line) => {
  await writeFile(file, `{"step":1,"loss":1}\n${line}\n`)
  await expect(new TrainingLog(folder).rewind(1)).rejects.toMatchObject({
    code: 'INVALID_DATA',
    message: expect.stringContaining(`${file}:2 but received`),
  })
})
