import type { ChildProcess } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { decodeImage } from '../encoder/image.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { writeBundle } from './bundle.js'
import { loadCaptioner } from './captioner.js'
import { CAT, FLOWER, tinyContent } from './fixtures/captioners.js'
import type { Captioner } from './types.js'
import type { WorkerRequest } from './worker.js'

/** What the process of a model was asked for. */
const asked = vi.hoisted((): WorkerRequest[] => [])
vi.mock('node:child_process', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:child_process')>()
  const fork = (...args: Parameters<typeof original.fork>): ChildProcess => {
    const child = original.fork(...args)
    const send = child.send.bind(child)
    child.send = (...message: unknown[]) => {
      asked.push(message[0] as WorkerRequest)
      return send(...(message as Parameters<typeof send>))
    }
    return child
  }
  return { ...original, fork }
})

vi.mock('../encoder/image.js', { spy: true })
const OPTIONS = { beamSize: 1, maxLength: 4 }

const folder = temporaryFolder('batches')
let captioner: Captioner
beforeAll(async () => {
  await writeBundle(folder, tinyContent())
  captioner = await loadCaptioner(folder, { engine: 'onnx', threads: 1 })
})
afterAll(() => captioner.close())

it('sends 64 photos at a time, and answers all of them in their order', async () => {
  const [cat, flower] = await captioner.caption([CAT, FLOWER], OPTIONS)
  const bytes = await readFile(CAT)
  const damaged = new Uint8Array(10)
  const images = Array.from({ length: 67 }, (_, i) => {
    if (i === 10 || i === 66) return damaged
    return i === 0 || i === 64 ? FLOWER : bytes
  })
  asked.length = 0
  const results = await captioner.caption(images, OPTIONS)
  expect(asked.map((request) => request.images)).toEqual([63, 2])
  const logProbOf = (result: (typeof results)[number] | undefined): number =>
    result === undefined || result instanceof Error ? Number.NaN : result.captions[0]!.logProb
  expect(Math.abs(logProbOf(flower) - logProbOf(cat))).toBeGreaterThan(0.01)
  for (const [i, image] of images.entries())
    if (image === damaged) expect(results[i]).toMatchObject({ where: `image ${i + 1}` })
    else expect(logProbOf(results[i]), `${i}`).toBeCloseTo(logProbOf(image === FLOWER ? flower : cat), 4)
})

it('decodes no more photos once nobody waits for them', async () => {
  const gone = new AbortController()
  const decode = vi.mocked(decodeImage).mockClear()
  decode.mockImplementationOnce(async () => {
    gone.abort(new Error('gone'))
    return new Uint8Array(0)
  })
  asked.length = 0
  await expect(captioner.caption(Array(20).fill(CAT), OPTIONS, gone.signal)).rejects.toThrow('gone')
  expect(decode.mock.calls.length).toBeLessThan(20)
  expect(asked).toEqual([])
})

it('hears that nobody waits though no photo can be read', async () => {
  const damaged = Array(200).fill(new Uint8Array(10))
  const gone = AbortSignal.abort(new Error('gone'))
  await expect(captioner.caption(damaged, OPTIONS, gone)).rejects.toThrow('gone')
  const later = new AbortController()
  const begun = expect(captioner.caption(damaged, OPTIONS, later.signal)).rejects.toThrow('gone')
  later.abort(new Error('gone'))
  await begun
})
