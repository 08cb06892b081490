import { execFile } from 'node:child_process'
import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { FeatureStore } from '../data/feature-store.js'
import { readBundle, writeBundle } from '../decoder/bundle.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { writeForeign } from '../decoder/fixtures/encoders.js'
import { largestDifference } from '../engine/fixtures/values.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { interruptAtWork, killAtWork, run } from './fixtures/commands.js'
import { drawPhotos } from './fixtures/photos.js'
import { writeTrainingSet } from './fixtures/training-set.js'

const ENCODER = 'vgg16-conv5-eighth'

const folder = temporaryFolder('killed')
const at = (name: string): string => join(folder, name)
beforeAll(() => writeForeign(at('weights.safetensors'), ENCODER))

/** Kills a command twice, as `killAtWork`. @returns how often that was before its end */
async function killed(...command: Parameters<typeof killAtWork>): Promise<number> {
  const kills = [await killAtWork(...command), await killAtWork(...command)]
  return kills.filter((wasKilled) => wasKilled).length
}

/** CIDEr-D on validation of each epoch. */
function cidersOf(log: string): number[] {
  const events = log
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { validationCider?: number })
  return events.flatMap(({ validationCider }) => validationCider ?? [])
}

/** The same losses and weights, bit for bit, of two trainings of so many steps. */
async function expectAlike(disturbed: string, undisturbed: string, steps: number): Promise<void> {
  const log = await readFile(at(`${undisturbed}/log.jsonl`), 'utf8')
  expect(log.trimEnd().split('\n')).toHaveLength(steps)
  // Or forgetting which weights were best would change nothing.
  const scores = cidersOf(log)
  expect(scores.at(-1)).toBeLessThan(Math.max(...scores))
  expect(await readFile(at(`${disturbed}/log.jsonl`), 'utf8')).toBe(log)
  const weights = async (name: string) => (await readBundle(at(name))).config.files['model.safetensors']
  expect(await weights(`${disturbed}/bundle`)).toBe(await weights(`${undisturbed}/bundle`))
}

describe('killed at random moments and started again until it is done', () => {
  it('caption has every photo once, with the captions of an undisturbed run', async () => {
    await drawPhotos(at('photos'), 48)
    await writeFile(at('photos/33.jpg'), (await readFile(at('photos/33.jpg'))).subarray(0, 400))
    await writeBundle(at('bundle'), tinyContent())
    const command = (out: string): string[] => {
      const engine = ['--engine', 'onnx', '--threads', '1', '--count', '2']
      const beside = ['--xmp', '--attention', at('looks')]
      return ['caption', at('photos'), '--bundle', at('bundle'), '--output', at(out), ...beside, ...engine]
    }
    const sidecars = async () => (await readdir(at('photos'))).filter((name) => name.endsWith('.xmp'))
    // 1: a photo was damaged.
    await run(command('whole.jsonl'), [1])
    for (const name of await sidecars()) await rm(at(`photos/${name}`))
    await rm(at('looks'), { recursive: true })
    expect(await killed(command('killed.jsonl'), at('killed.jsonl'), 1200)).toBeGreaterThan(0)
    // What a kill in the middle of a write leaves, which is too short to be hit by chance.
    await appendFile(at('killed.jsonl'), '{"file":"half')
    await run(command('killed.jsonl'), [1])

    // The damaged photo is tried again each time, and so its line may come later.
    const read = async (file: string) =>
      (await readFile(at(file), 'utf8'))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, string | number>)
        .sort((a, b) => (a.file! < b.file! ? -1 : 1))
    const whole = await read('whole.jsonl')
    const again = await read('killed.jsonl')
    expect(whole.map(({ file }) => file)).toHaveLength(48)
    expect(whole.filter(({ error }) => error !== undefined)).toMatchObject([{ file: at('photos/33.jpg') }])
    // A photo may have been in a batch of another size, which rounds its probabilities otherwise.
    // And libvips mixes up why it could not read a file when it reads several at once.
    const said = ({ file, caption, others, error }: Record<string, string | number>) =>
      error === undefined ? { file, caption, others } : { file, failed: true }
    expect(again.map(said)).toEqual(whole.map(said))
    for (const [i, { logProb }] of whole.entries())
      if (logProb !== undefined) expect(again[i]!.logProb).toBeCloseTo(Number(logProb), 3)
    expect(await sidecars()).toHaveLength(47)
    for (const { file, caption, error } of again)
      if (error === undefined) expect(await readFile(`${file}.xmp`, 'utf8')).toContain(`>${caption}<`)
    expect(await readdir(at('looks'))).toHaveLength(47)
    const left = await readdir(folder, { recursive: true })
    expect(left.filter((name) => name.endsWith('.part'))).toEqual([])
  })

  it('prepare has every photo once, with the features of an undisturbed run', async () => {
    await drawPhotos(at('scenes'), 40)
    const command = (out: string): string[] => {
      const encoder = ['--encoder', ENCODER, '--weights', at('weights.safetensors')]
      return ['prepare', at('scenes'), ...encoder, '--out', at(out)]
    }
    await run(command('whole'))
    expect(await killed(command('killed'), at('killed/keys.txt'), 90)).toBeGreaterThan(0)
    await run(command('killed'))

    const whole = FeatureStore.open(at('whole'))
    const again = FeatureStore.open(at('killed'))
    expect(again.header).toEqual(whole.header)
    expect(whole.size).toBe(40)
    expect(again.keysInOrder).toEqual(whole.keysInOrder)
    const { regions, channels, range } = whole.header
    const [one, other] = [0, 1].map(() => new Float32Array(regions * channels))
    for (const key of whole.keysInOrder) {
      whole.readInto(key, one!)
      again.readInto(key, other!)
      // Batches of another size may round the last bit otherwise, and so the byte that is stored.
      const level = (range[1] - range[0]) / 255
      expect(largestDifference(one!, other!)).toBeLessThan(1.01 * level)
    }
    whole.close()
    again.close()
  })

  it('train has the losses and the weights of an undisturbed run, bit for bit', async () => {
    const { begin } = await writeTrainingSet(at('set'), 26)
    const command = (out: string): string[] => ['train', ...begin, '--out', at(out), '--epochs', '6']
    await run(command('undisturbed'))
    expect(await killed(command('disturbed'), at('disturbed/log.jsonl'), 4000)).toBeGreaterThan(0)
    await appendFile(at('disturbed/log.jsonl'), '{"step":')
    // What kills in the middle of writing state and bundle leave.
    await mkdir(at('disturbed/training'), { recursive: true })
    await writeFile(at('disturbed/training/state.safetensors.part'), 'half')
    await mkdir(at('disturbed/bundle.part'), { recursive: true })
    await writeFile(at('disturbed/bundle.part/model.safetensors'), 'half')
    await run(command('disturbed'))

    await expectAlike('disturbed', 'undisturbed', 72)
    const files = async (name: string) => (await readdir(at(name), { recursive: true })).sort()
    expect(await files('disturbed')).toEqual(await files('undisturbed'))
  })

  it('train of the last block of an encoder has the losses and the weights of an undisturbed run, bit for bit', async () => {
    await drawPhotos(at('tuned-photos'), 26)
    const captions = Array.from({ length: 26 }, (_, i) =>
      JSON.stringify({
        id: i + 1,
        file: `${i + 1}.jpg`,
        captions: [i % 2 ? 'a dog runs' : 'a cat sits on grass'],
      }),
    )
    await writeFile(at('tuned.jsonl'), captions.join('\n'))
    const command = (out: string): string[] => [
      ...['train', '--data', `plain=${at('tuned.jsonl')}`, '--images', `plain=${at('tuned-photos')}`],
      ...['--encoder', ENCODER, '--encoder-weights', at('weights.safetensors')],
      ...['--fine-tune-encoder', '1', '--out', at(out), '--engine', 'wasm', '--minimum-count', '1'],
      ...['--units', '8', '--embedding-size', '8', '--region-size', '8', '--attention-units', '8'],
      ...['--epochs', '4', '--images-per-batch', '2', '--warm-up-steps', '4'],
      ...['--learning-rate', '0.01'],
    ]
    await run(command('untroubled'))
    expect(await killed(command('troubled'), at('troubled/log.jsonl'), 2500)).toBeGreaterThan(0)
    await run(command('troubled'))

    await expectAlike('troubled', 'untroubled', 48)
  })
})

it('caption that is interrupted gives what it has to an output that nothing goes on with', async () => {
  await drawPhotos(at('strip'), 96)
  await writeBundle(at('speaker'), tinyContent())
  await promisify(execFile)('mkfifo', [at('pipe')])
  const reading = readFile(at('pipe'), 'utf8')
  const command = ['caption', at('strip'), '--bundle', at('speaker'), '--engine', 'onnx', '--threads', '1']
  const beside = ['--xmp', '--format', 'csv', '--output', at('pipe')]
  const said = await interruptAtWork([...command, ...beside], at('strip/1.jpg.xmp'))
  const [, count] = /stopped after (\d+) of 96 photos$/m.exec(said)!
  const rows = (await reading).trimEnd().split('\r\n').slice(1)
  expect(rows).toHaveLength(Number(count))
  expect(rows[0]).toMatch(/"[^"]*1\.jpg","[^"]+","[^"]+",""$/)
  // What shows how far it is, since nothing else does.
  expect(said).toMatch(/caption .*\d+\/96/)
})
