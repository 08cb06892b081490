import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { FeatureStore } from '../data/feature-store.js'
import { averageOf } from '../decoder/average.js'
import { type Bundle, decoderWeightsOf, encoderWeightsOf, readBundle } from '../decoder/bundle.js'
import { loadCaptioner } from '../decoder/captioner.js'
import { initialWeights } from '../decoder/class-directions.js'
import { writeForeign } from '../decoder/fixtures/encoders.js'
import type { TrainingEvent } from '../decoder/training.js'
import { encoderByName } from '../encoder/encoders.js'
import { Random } from '../random.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { type ColouredPhoto, writeColours } from './fixtures/colours.js'
import { inProcess } from './fixtures/commands.js'
import { register as registerPrepare } from './prepare.js'
import { register as registerTrain } from './train.js'

const ENCODER = 'vgg16-conv5-eighth'
const RECIPE =
  '--engine wasm --minimum-count 1 --epochs 2 ' +
  '--images-per-batch 9 --learning-rate 0.02 --warm-up-steps 2 --average-decay 0.9 --dropout 0 --label-smoothing 0'

const SHAPE = '--units 16 --embedding-size 16 --region-size 16 --attention none'

const folder = temporaryFolder('fine-tuning-options')
let photos: ColouredPhoto[]
const at = (name: string): string => join(folder, name)
beforeAll(async () => {
  photos = await writeColours(at('photos'))
  const lines = (change: (caption: string) => string): string =>
    photos.map(({ caption, ...photo }) => JSON.stringify({ ...photo, caption: change(caption) })).join('\n')
  await writeFile(
    at('plain.jsonl'),
    lines((caption) => caption),
  )
  await writeFile(
    at('mine.jsonl'),
    lines((caption) => `look ! ${caption}`),
  )
  await writeForeign(at('vgg.safetensors'), ENCODER)
  await showtell(
    'prepare',
    at('photos'),
    '--encoder',
    ENCODER,
    '--weights',
    at('vgg.safetensors'),
    '--out',
    at('features'),
  )
  await train('base', 'plain', '--features', at('features'), '--encoder-weights', at('vgg.safetensors'))
})

const { saidBy } = inProcess(registerPrepare, registerTrain)
const showtell = (command: string, ...more: string[]): Promise<string> =>
  saidBy([...command.split(' '), ...more])
const train = (out: string, style: string, ...options: string[]): Promise<string> =>
  showtell(
    `train ${RECIPE}${options.includes('--from') ? '' : ` ${SHAPE}`}`,
    '--data',
    `${style}=${at(`${style}.jsonl`)}`,
    '--out',
    at(out),
    ...options,
  )
const bundleOf = (name: string): Promise<Bundle> => readBundle(at(`${name}/bundle`))
const base = (): string => at('base/bundle')

/** Names of the encoder's weights that are not the same in two bundles. */
function changed(one: Bundle, other: Bundle): string[] {
  const [before, after] = [encoderWeightsOf(one), encoderWeightsOf(other)]
  expect(Object.keys(after)).toEqual(Object.keys(before))
  return Object.keys(after).filter(
    (name) => !Buffer.from(before[name]!.data.buffer).equals(Buffer.from(after[name]!.data.buffer)),
  )
}

describe('photos of one’s own', () => {
  it('are prepared with the encoder of a bundle, which then trains on them in their words and style', async () => {
    await showtell('prepare', at('photos'), '--bundle', base(), '--out', at('mine'))
    const [theirs, mine] = [FeatureStore.open(at('features')), FeatureStore.open(at('mine'))]
    expect(mine.header).toMatchObject({ ...theirs.header, range: expect.anything() })
    expect(mine.size).toBe(photos.length)
    theirs.close()
    mine.close()

    await train('adapted', 'mine', '--features', at('mine'), '--from', base())
    const [before, after] = [await bundleOf('base'), await bundleOf('adapted')]
    expect(changed(before, after)).toEqual([])
    expect(after.config.encoder).toEqual(before.config.encoder)
    expect(after.vocabulary.styles).toEqual(['plain', 'mine'])
    expect(after.config.defaultStyle).toBe('mine')
    expect(after.vocabulary.idOf('look')).toBeGreaterThan(after.vocabulary.idOf('sea')!)
    const captioner = await loadCaptioner(at('adapted/bundle'), { engine: 'cpu' })
    const [captioned] = await captioner.caption([at(`photos/${photos[0]!.file}`)], { style: 'mine' })
    expect(captioned).toMatchObject({ captions: expect.anything() })
    await captioner.close()
  })

  it('have to be prepared with that encoder', async () => {
    await expect(train('other', 'mine', '--features', at('features'))).rejects.toThrow(
      `Expected --encoder-weights for features of ${ENCODER}`,
    )
    await showtell('prepare', at('photos'), '--bundle', base(), '--out', at('mine'))
    await expect(
      showtell('prepare', at('photos'), '--bundle', base(), '--weights', 'a', '--out', at('mine')),
    ).rejects.toThrow('cannot be used with')
    const theirs = FeatureStore.open(at('features'))
    const weights = '0'.repeat(64)
    FeatureStore.create(at('strange'), { ...theirs.header, weights }).close()
    theirs.close()
    await expect(train('other', 'mine', '--features', at('strange'), '--from', base())).rejects.toThrow(
      `Expected sha256 ${weights} of the feature store for ${base()}, which showtell prepare --bundle takes,`,
    )
  })
})

describe('--fine-tune-encoder', () => {
  it.each([
    [['--images', 'plain=photos'], 'Expected --fine-tune-encoder for --images'],
    [['--fine-tune-encoder', '1'], 'Expected --features, or --images with --fine-tune-encoder, for train'],
    [['--fine-tune-encoder', '1', '--features', 'a'], "cannot be used with option '--fine-tune-encoder"],
    [['--encoder', ENCODER, '--features', 'a'], "cannot be used with option '--encoder <name>'"],
    [
      ['--encoder-learning-rate', '1e-4', '--features', 'a'],
      "cannot be used with option '--encoder-learning-rate <n>'",
    ],
    [
      ['--fine-tune-encoder', '1', '--images', 'photos'],
      'Expected style=folder for --images but received "photos"',
    ],
    [
      ['--fine-tune-encoder', '1', '--images', 'plain=photos', 'plain=more'],
      'Expected one folder a style for --images but received "two of plain"',
    ],
    [
      ['--fine-tune-encoder', '1', '--images', 'plain=photos', '--encoder', ENCODER],
      `Expected --encoder-weights, --from, or --fine-tune-encoder 13 for ${ENCODER}`,
    ],
  ])('refuses %j', async (options, message) => {
    await expect(train('refused', 'plain', ...options)).rejects.toThrow(message)
  })

  it('wants the folder of each style, with every photo that has captions', async () => {
    const tuned = ['--fine-tune-encoder', '1', '--from', base()]
    await expect(train('refused', 'plain', ...tuned, '--images', `mine=${at('photos')}`)).rejects.toThrow(
      'Expected a folder of the photos of plain for --images',
    )
    // The folder above has them in one of its own.
    await expect(train('refused', 'plain', ...tuned, '--images', `plain=${at('features')}`)).rejects.toThrow(
      /^Expected every photo that has captions, also .* and 19 more, for .*features but received "24 of plain less"$/,
    )
    await expect(
      train(
        'refused',
        'plain',
        '--fine-tune-encoder',
        '14',
        '--from',
        base(),
        '--images',
        `plain=${at('photos')}`,
      ),
    ).rejects.toThrow(`Expected 1 to 13 blocks of ${ENCODER} for fineTuneEncoder but received 14`)
  })

  it('trains the last blocks of a bundle, which then are in the bundle, and no temporary files are left', async () => {
    vi.stubEnv('TMPDIR', folder)
    const before = await readdir(folder)
    const tuned = ['--fine-tune-encoder', '1', '--images', `plain=${at('photos')}`, '--from', base()]
    await train('tuned', 'plain', ...tuned)
    vi.unstubAllEnvs()
    expect((await readdir(folder)).sort()).toEqual([...before, 'tuned'].sort())
    const after = await bundleOf('tuned')
    expect(changed(await bundleOf('base'), after)).toEqual(['conv5_3.filter', 'conv5_3.bias'])
    expect(after.config.encoder).toEqual({
      name: ENCODER,
      source: 'vgg.safetensors; the last 1 of 13 blocks tuned',
    })
    expect(after.config.training).toMatchObject({ fineTuneEncoder: 1 })
    const log = (await readFile(at('tuned/log.jsonl'), 'utf8')).trimEnd().split('\n')
    const events = log.map((line) => JSON.parse(line) as TrainingEvent)
    expect(events).toHaveLength(4)
    expect(events.at(-1)!.validationLoss).toBeLessThan(events[1]!.validationLoss!)
    await expect(
      train('stale', 'plain', '--features', at('features'), '--from', at('tuned/bundle')),
    ).rejects.toThrow('of the feature store')
  })

  it('begins with the classes that the weights of the encoder came with', async () => {
    const encoder = 'vgg16-fc7-eighth'
    const { channels } = encoderByName(encoder)
    const random = new Random('classes')
    const classifier = {
      shape: [5, channels],
      data: Float32Array.from({ length: 5 * channels }, () => random.normal()),
    }
    await writeForeign(at('classes.safetensors'), encoder, { 'classifier.6.weight': classifier })
    const tuned = ['--fine-tune-encoder', '1', '--images', `plain=${at('photos')}`, '--encoder', encoder]
    const still = ['--epochs', '1', '--learning-rate', '1e-12', '--seed', '5']
    await train('classes', 'plain', ...tuned, '--encoder-weights', at('classes.safetensors'), ...still)
    const bundle = await bundleOf('classes')
    const trained = decoderWeightsOf(bundle)['region.w']!
    for (const [i, value] of initialWeights(bundle.decoder, 5, classifier)['region.w']!.entries())
      expect(trained[i]).toBeCloseTo(value, 3)
  })

  it('or preparing, where it is refused, leaves no temporary files', async () => {
    await mkdir(at('temporary'))
    vi.stubEnv('TMPDIR', at('temporary'))
    await expect(
      showtell('prepare', at('photos'), '--bundle', base(), '--image-size', '64', '--out', at('features')),
    ).rejects.toThrow(at('features'))
    const images = ['--images', `plain=${at('photos')}`, '--from', base(), '--teachers', base()]
    await expect(train('refused', 'plain', '--fine-tune-encoder', '14', ...images)).rejects.toThrow(
      'Expected 1 to 13 blocks',
    )
    vi.unstubAllEnvs()
    expect(await readdir(at('temporary'))).toEqual([])
  })
})

describe('--image-size', () => {
  it('of prepare is that of the bundle, and may be another for the encoder that is tuned', async () => {
    const size = ['--image-size', '64']
    await showtell('prepare', at('photos'), '--bundle', base(), ...size, '--out', at('small'))
    const store = FeatureStore.open(at('small'))
    expect(store.header).toMatchObject({ imageSize: 64, regions: 16 })
    store.close()
    await train('small-base', 'plain', '--features', at('small'), '--from', base())
    const small = await bundleOf('small-base')
    expect(small.config).toMatchObject({ encoder: { imageSize: 64 }, decoder: { regions: 16 } })

    const images = ['--fine-tune-encoder', '1', '--images', `plain=${at('photos')}`]
    await train('same-size', 'plain', ...images, '--from', at('small-base/bundle'))
    expect((await bundleOf('same-size')).config.encoder).toMatchObject({ imageSize: 64 })
    await train('larger', 'plain', ...images, '--image-size', '96', '--from', at('small-base/bundle'))
    const larger = await bundleOf('larger')
    expect(larger.config).toMatchObject({
      encoder: { imageSize: 96 },
      decoder: { regions: 36 },
      training: { imageSize: 96, 'begun with': { imageSize: 64 } },
    })
    expect(() => averageOf([small, larger], 'both')).toThrow('Expected the size of photos 64 of')
    expect(averageOf([small, larger], 'both', 128).config).toMatchObject({
      encoder: { imageSize: 128 },
      decoder: { regions: 64 },
    })

    const captioner = await loadCaptioner(larger.path, { engine: 'cpu' })
    expect(captioner.model.grid).toEqual([6, 6])
    const [captioned] = await captioner.caption([at(`photos/${photos[0]!.file}`)], { attention: true })
    expect(captioned).toMatchObject({ captions: expect.anything() })
    await captioner.close()
  })

  it('goes with photos and an encoder that takes it', async () => {
    const images = ['--fine-tune-encoder', '1', '--images', `plain=${at('photos')}`, '--from', base()]
    await expect(train('refused', 'plain', ...images, '--image-size', '100')).rejects.toThrow(
      `Expected a multiple of 16 from 64 to 768 for imageSize of ${ENCODER} but received 100`,
    )
    await expect(
      train('refused', 'plain', '--features', at('features'), '--image-size', '64', '--from', base()),
    ).rejects.toThrow("cannot be used with option '--features")
    const config = JSON.parse(await readFile(join(base(), 'config.json'), 'utf8'))
    config.encoder.imageSize = 100
    await cp(base(), at('broken'), { recursive: true })
    await writeFile(at('broken/config.json'), JSON.stringify(config))
    await expect(readBundle(at('broken'))).rejects.toMatchObject({ code: 'INVALID_BUNDLE' })
  })
})

describe('--teachers', () => {
  it('teach a training, whose bundle says so and has their terms too', async () => {
    const images = ['--fine-tune-encoder', '1', '--images', `plain=${at('photos')}`, '--from', base()]
    await train('master', 'plain', ...images, '--image-size', '64', '--terms', 'As the master says.')
    const taught = [...images, '--teachers', base(), at('master/bundle')]
    await train('taught', 'plain', ...taught, '--distillation-weight', '0.5')
    const { terms, training } = (await bundleOf('taught')).config
    expect(terms).toBe('As the master says.')
    expect(training).toMatchObject({ 'taught by': ['base', 'master'], distillationWeight: 0.5 })
    expect((await bundleOf('master')).config.training).not.toHaveProperty('distillationWeight')
    // Going on under others would be another training.
    await expect(
      train('taught', 'plain', ...images, '--teachers', base(), '--distillation-weight', '0.5'),
    ).rejects.toThrow('teachers')
    await expect(train('refused', 'plain', ...taught, '--objective', 'cider')).rejects.toThrow(
      'Expected cross-entropy, to learn from teachers, for objective but received "cider"',
    )
    await expect(
      train('refused', 'mine', ...taught.map((option) => option.replace('plain=', 'mine='))),
    ).rejects.toThrow('words of this training')
  })
})
