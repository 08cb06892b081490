import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { FeatureStore } from '../data/feature-store.js'
import { decoderWeightsOf, GRAPH, readBundle, writeBundle } from '../decoder/bundle.js'
import { loadCaptioner } from '../decoder/captioner.js'
import type { TrainingEvent } from '../decoder/training.js'
import type { Caption } from '../decoder/types.js'
import { ENCODERS } from '../encoder/encoders.js'
import { writeGraph } from '../encoder/fixtures/graph-model.js'
import { loadMobilenetGraph } from '../encoder/mobilenet-graph.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { imageSizeOption } from './encoder-options.js'
import { type ColouredPhoto, writeColours } from './fixtures/colours.js'
import { inProcess } from './fixtures/commands.js'
import { register as registerPrepare } from './prepare.js'
import { register as registerTrain } from './train.js'

/** Small, and without what keeps a large one from learning by heart. */
const RECIPE =
  '--engine cpu --units 32 --embedding-size 16 --region-size 16 --attention none --minimum-count 1 --epochs 20 ' +
  '--images-per-batch 9 --learning-rate 0.05 --warm-up-steps 5 --average-decay 0.9 --dropout 0 --label-smoothing 0'

const folder = temporaryFolder('graph-options')
const at = {
  photos: join(folder, 'photos'),
  graph: join(folder, 'graph', 'model.json'),
  features: join(folder, 'features'),
  captions: join(folder, 'captions.jsonl'),
  run: join(folder, 'run'),
}
let photos: ColouredPhoto[]
beforeAll(async () => {
  photos = await writeColours(at.photos)
  await writeFile(at.captions, photos.map((photo) => JSON.stringify(photo)).join('\n'))
  await mkdir(join(folder, 'graph'))
  // Red, green and blue, and the brightness.
  const filter = Float32Array.from([6, 0, 0, 2, 0, 6, 0, 2, 0, 0, 6, 2])
  await writeGraph(at.graph, { filter, bias: new Float32Array(4) })
})

const { saidBy } = inProcess(registerPrepare, registerTrain)
const showtell = (command: string, ...more: string[]): Promise<string> =>
  saidBy([...command.split(' '), ...more])
const prepare = (...options: string[]): Promise<string> =>
  showtell('prepare', at.photos, '--out', at.features, ...options)
const train = (...options: string[]): Promise<string> =>
  showtell(
    `train ${RECIPE}`,
    ...['--data', `plain=${at.captions}`, '--features', at.features, '--out', at.run],
    ...options,
  )

/** What the bundle says of the test photos. */
async function captionsOf(bundle: string): Promise<Caption[]> {
  const captioner = await loadCaptioner(bundle, { engine: 'cpu' })
  const files = photos.filter(({ split }) => split === 'test').map(({ file }) => join(at.photos, file))
  const results = await captioner.caption(files, { minLength: 1 })
  await captioner.close()
  return results.map((result) => {
    if (result instanceof Error) throw result
    return result.captions[0]!
  })
}

describe('a graph in place of an encoder with weights', () => {
  it.each([
    [[], 'Expected --weights, --bundle or --mobilenet for prepare'],
    [
      ['--weights', 'a', '--mobilenet', 'b'],
      "'--mobilenet <model.json>' cannot be used with option '--weights",
    ],
    [['--encoder', 'vgg16-fc7', '--mobilenet', 'b'], "cannot be used with option '--encoder"],
    [['--weights', 'a', '--input-range', '0,1'], "'--input-range <black,white>' cannot be used with"],
    [['--mobilenet', 'b', '--input-range', '1,-1'], 'Expected two numbers, rising, like -1,1'],
  ])('prepare refuses %j', async (options, message) => {
    await expect(prepare(...options)).rejects.toThrow(message)
  })

  it('prepares, trains and captions', async () => {
    await prepare('--mobilenet', at.graph)
    const { header } = FeatureStore.open(at.features)
    expect(header).toMatchObject({ encoder: 'mobilenet-graph', regions: 49, channels: 4, range: [0, 6] })

    await expect(train()).rejects.toThrow('Expected --mobilenet for features of mobilenet-graph')
    await expect(train('--encoder-weights', 'a')).rejects.toThrow('Expected --mobilenet for features')
    await expect(train('--encoder-weights', 'a', '--mobilenet', 'b')).rejects.toThrow('cannot be used with')
    await expect(train('--mobilenet', at.graph, '--input-range', '-1,1')).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: expect.stringContaining(header.weights),
    })

    await train('--mobilenet', at.graph)
    const events = (await readFile(join(at.run, 'log.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as TrainingEvent)
    expect(events.at(-1)!.loss).toBeLessThan(events[0]!.loss / 4)
    const captions = await captionsOf(join(at.run, 'bundle'))
    expect(captions.map(({ text }) => text)).toEqual([
      'A red wall in the sun.',
      'A green field of grass.',
      'The blue sea.',
    ])

    const again = join(folder, 'again')
    const bundle = await readBundle(join(at.run, 'bundle'))
    const { config, vocabulary, path } = bundle
    const graph = await loadMobilenetGraph(join(path, GRAPH), 'cpu', [0, 1])
    const { version: _, files, ...rest } = config
    await writeBundle(again, {
      config: rest,
      vocabulary,
      encoderWeights: {},
      encoderFiles: graph.files,
      decoderWeights: decoderWeightsOf(bundle),
    })
    await graph.dispose()
    expect((await readBundle(again)).config.files).toEqual(files)
    expect(await captionsOf(again)).toEqual(captions)
  })
})

it('--image-size says which sizes the encoders take', () => {
  expect(imageSizeOption([]).description).toContain(
    'a multiple of 32 from 64 to 768, with vgg16-conv5 of 16, with vgg16-fc7 its own alone',
  )
  for (const [name, { stride }] of Object.entries(ENCODERS))
    expect(stride, name).toBe(/fc7/.test(name) ? undefined : /conv5/.test(name) ? 16 : 32)
})
