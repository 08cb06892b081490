import { readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import type { Example } from '../data/batches.js'
import { type CaptionedImage, readCaptions } from '../data/captions.js'
import { FeatureStore } from '../data/feature-store.js'
import { tokenize } from '../data/tokenizer.js'
import { Vocabulary } from '../data/vocabulary.js'
import { regionsOf } from '../encoder/encoder.js'
import { fetchGraph } from '../encoder/fixtures/nsfwjs.js'
import { loadMobilenetGraph } from '../encoder/mobilenet-graph.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { writeBundle } from './bundle.js'
import { loadCaptioner } from './captioner.js'
import { initialWeights } from './class-directions.js'
import { Decoder } from './decoder.js'
import { StoredFeatures } from './photo-features.js'
import { prepareFeatures } from './prepare.js'
import { trainingConfigSchema } from './recipe.js'
import { Training } from './training.js'

const FLICKR8K = resolve(process.env.SHOWTELL_SHARED ?? '../shared', 'datasets/flickr8k')
const PHOTOS = join(FLICKR8K, 'photos')
const EXAMPLES = resolve('examples')

const folder = temporaryFolder('small-captioner')

it('a small captioner on a real graph of @tensorflow-models/mobilenet learns, and captions', async () => {
  const took = stopwatch()
  const graph = await loadMobilenetGraph(await fetchGraph(folder), 'auto', [0, 1])
  const train = await examplesOf('train', 180)
  const validation = await examplesOf('dev', 30)
  const features = FeatureStore.create(join(folder, 'features'), {
    encoder: graph.name,
    weights: graph.sha256,
    regions: regionsOf(graph),
    channels: graph.channels,
    range: [0, 6],
  })
  const files = [...train, ...validation].map(({ key }) => key)
  const { skipped } = await prepareFeatures(features, graph, graph, PHOTOS, files, () => {})
  expect(skipped).toEqual([])
  expect(features.size).toBe(210)
  took(`features of 210 photos, ${graph.engine}`)

  const vocabulary = Vocabulary.build(
    train.flatMap(({ captions }) => captions),
    { minimumCount: 3, styles: ['flickr8k'] },
  )
  const decoder = new Decoder({
    cell: 'lstm',
    layers: 1,
    connection: 'plain',
    attention: 'additive',
    vocabularySize: vocabulary.size,
    regions: regionsOf(graph),
    channels: graph.channels,
    embeddingSize: 64,
    units: 64,
    regionSize: 64,
    attentionUnits: 32,
    wordMemory: true,
  })
  const config = trainingConfigSchema.parse({
    epochs: 8,
    imagesPerBatch: 15,
    learningRate: 2e-3,
    warmUpSteps: 5,
    averageDecay: 0.9,
    dropout: 0.1,
    labelSmoothing: 0,
  })
  const training = new Training(
    decoder,
    vocabulary,
    { train, validation, features: new StoredFeatures(features) },
    config,
    folder,
    initialWeights(decoder, config.seed, undefined),
  )
  const { loss: before } = await training.validate()
  await training.run(() => {})
  const { loss: after } = await training.validate()
  took(`${training.step} steps, validation loss ${before.toFixed(3)} to ${after.toFixed(3)}`)
  // An untrained one finds all words alike.
  expect(before).toBeCloseTo(Math.log(vocabulary.size), 0)
  expect(after).toBeLessThan(before - 1)
  features.close()

  const path = join(folder, 'bundle')
  await writeBundle(path, {
    config: {
      name: 'small',
      encoder: {
        name: graph.name,
        source: 'nsfwjs',
        inputRange: [...graph.inputRange],
        grid: [...graph.grid],
        channels: graph.channels,
      },
      decoder: decoder.config,
      defaultStyle: 'flickr8k',
      training: {},
    },
    vocabulary,
    encoderWeights: {},
    encoderFiles: graph.files,
    decoderWeights: training.weights,
  })
  await graph.dispose()
  const captioner = await loadCaptioner(path)
  expect(captioner.model).toMatchObject({ encoder: 'mobilenet-graph', grid: [7, 7] })
  const examples = (await readdir(EXAMPLES)).filter((name) => name.endsWith('.jpg'))
  const results = await captioner.caption(examples.map((name) => join(EXAMPLES, name)))
  await captioner.close()
  expect(results).toHaveLength(examples.length)
  for (const [i, result] of results.entries()) {
    if (result instanceof Error) throw result
    const { text, tokens } = result.captions[0]!
    process.stdout.write(`${examples[i]}: ${text}\n`)
    expect(text).toMatch(/^\p{L}.*\.$/u)
    expect(tokens.length).toBeGreaterThanOrEqual(4)
    for (const word of tokens) expect(vocabulary.idOf(word)).toBeGreaterThanOrEqual(vocabulary.firstWord)
  }
  took(`bundle and ${examples.length} captions, ${captioner.model.engine}`)
})

/** The first photos of a split of Flickr8k. */
async function examplesOf(split: string, count: number): Promise<Example[]> {
  const images = await readCaptions(join(FLICKR8K, 'Flickr8k.token.txt'), { split })
  return images.slice(0, count).map(({ file, captions }: CaptionedImage) => ({
    key: basename(file),
    style: 'flickr8k',
    captions: captions.map((caption) => tokenize(caption)),
  }))
}

/** Prints what happened and how long it took since it last did. */
function stopwatch(): (what: string) => void {
  let since = performance.now()
  return (what) => {
    const now = performance.now()
    process.stdout.write(`${what}: ${((now - since) / 1000).toFixed(1)} s\n`)
    since = now
  }
}
