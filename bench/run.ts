/** `npm run bench`: how fast a bundle captions on this machine; see README.md. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
// biome-ignore lint/style/noRestrictedImports: the bench measures the package as it is compiled
import { type Captioner, loadCaptioner } from 'showtell'
import { isContentWord } from '../data/function-words.js'
import { Vocabulary } from '../data/vocabulary.js'
import { readBundle } from '../decoder/bundle.js'
import { captionOptionsSchema } from '../decoder/options.js'
import { shippedBundle } from '../engine/shipped.js'
import { endingsOf } from './endings.js'
import { type FolderRate, folderRate, type Latency, latency, startUp } from './measure.js'
import { makePhotos, makeSquares, SHARP, VIPS } from './photos.js'
import { table } from './table.js'

const { values } = parseArgs({
  options: {
    bundle: { type: 'string', default: shippedBundle() },
    json: { type: 'string' },
    photos: { type: 'string' },
  },
})
const bundle = resolve(values.bundle)
const folder = values.photos ?? (await mkdtemp(join(tmpdir(), 'showtell-bench-')))
try {
  const coco = await makePhotos(folder, { width: 640, height: 480, count: 200 })
  const large = await makePhotos(folder, { width: 4000, height: 3000, count: 60 })
  const squares = await makeSquares(folder, (await readBundle(bundle)).encoder.imageSize)
  const captioner = await loadCaptioner(bundle)
  const machine = describeMachine(captioner.model.engine)
  const latencies = [
    await latency(captioner, coco.files, { batch: 1, runs: 60, warmUp: 10 }),
    await latency(captioner, coco.files, { batch: 16, runs: 10, warmUp: 2 }),
  ]
  const captions = await captionsOf(captioner, squares)
  await captioner.close()
  const start = await startUp(bundle, coco.files[0]!, 5)
  const folders = [await folderRate(bundle, coco, 3, start), await folderRate(bundle, large, 3, start)]
  process.stdout.write(report(machine, captioner.model.name, latencies, start, folders))
  if (values.json !== undefined) {
    const search = await searchOptions()
    const result = { machine, bundle: captioner.model, latencies, startUp: start, folders, search, captions }
    await writeFile(values.json, `${JSON.stringify(result)}\n`)
  }
} finally {
  if (values.photos === undefined) await rm(folder, { recursive: true, force: true })
}

/** The captions of photos with their log-probability: another program that claims to run this bundle must find them. */
async function captionsOf(captioner: Captioner, files: readonly string[]) {
  const results = await captioner.caption(files, { beamSize: 3 })
  return results.map((result, i) => {
    if (result instanceof Error) throw result
    const [{ tokens, logProb }] = result.captions as [(typeof result.captions)[0]]
    return { file: basename(files[i]!), tokens, logProb }
  })
}

/** What the search was asked for, in token ids: enough to repeat it elsewhere. */
async function searchOptions() {
  const { beamSize, minLength, maxLength, lengthPenalty, noRepeatNgram } = captionOptionsSchema.parse({
    beamSize: 3,
  })
  const json = async (file: string) => JSON.parse(await readFile(join(bundle, file), 'utf8'))
  const vocabulary = Vocabulary.fromJSON(await json('vocabulary.json'))
  const tokensOf = (marked: Uint8Array): number[] => [...marked.keys()].filter((token) => marked[token] === 1)
  const endings = Object.entries(endingsOf(vocabulary)).map(([name, marked]) => [name, tokensOf(marked)])
  return {
    beamSize,
    minLength,
    maxLength,
    lengthPenalty,
    noRepeatNgram,
    start: vocabulary.startOf((await json('config.json')).defaultStyle),
    end: vocabulary.end,
    firstWord: vocabulary.firstWord,
    /** Tokens that come once at most. */
    exclusive: tokensOf(vocabulary.wordsThat(isContentWord)),
    /** When end may not come. */
    endings: Object.fromEntries(endings),
  }
}

function describeMachine(engine: string) {
  const require = createRequire(import.meta.url)
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memory: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    engine: engine === 'onnx' ? `onnxruntime ${require('onnxruntime-node/package.json').version}` : engine,
    sharp: `${SHARP} (libvips ${VIPS})`,
  }
}

function report(
  machine: ReturnType<typeof describeMachine>,
  model: string,
  latencies: readonly Latency[],
  start: number,
  folders: readonly FolderRate[],
): string {
  const { processor, cores, memory, platform, node, engine, sharp } = machine
  const ms = (value: number): string => value.toFixed(1)
  return `
${model} on ${processor}, ${cores} cores, ${(memory / 2 ** 30).toFixed(0)} GB, ${platform}
Node ${node}, ${engine}, sharp ${sharp}, beam 3

Milliseconds a photo of 640 × 480, medians
${table([
  ['batch', 'decode', 'encode', 'search', 'all, as called'],
  ...latencies.map(({ batch, decode, encode, search, total }) => [
    String(batch),
    ...[decode, encode, search, total].map(ms),
  ]),
])}

showtell caption FOLDER; its start, with one photo, takes ${(start / 1000).toFixed(2)} s and is not in the rate
${table([
  ['photos', 'size', 'file', 'photos a second', 'peak memory'],
  ...folders.map(({ photos, width, height, averageBytes, photosPerSecond, peakMemory }) => [
    String(photos),
    `${width} × ${height}`,
    `${(averageBytes / 1000).toFixed(0)} kB`,
    photosPerSecond.toFixed(1),
    `${(peakMemory / 1e6).toFixed(0)} MB`,
  ]),
])}
`
}
