import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ModelConfig } from '@tensorflow-models/mobilenet'
import { z } from 'zod'
import type { Backend } from '../engine/backends.js'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { expected, messageOf, ShowtellError } from '../errors.js'
import type { FeatureExtractor } from './extractor.js'
import { fewAtOnce, joined } from './few-at-once.js'
import { type GraphShape, graphShape, IMAGE_SIZE } from './graph-shape.js'

export interface MobilenetGraph extends GraphShape, FeatureExtractor {
  /** Of what decides the features: `model.json`, the shards in its order, the input range. */
  readonly sha256: string
  /** `model.json` and its shards, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>
}

/**
 * Loads a graph model through @tensorflow-models/mobilenet. That package gives pooled features only: the grid is what
 * its graph computes up to the relu6 of the last convolution, which the pooling reads.
 * @param modelUrl `model.json`, at an http(s) or file URL or a path; its shards lie beside it.
 * @param inputRange what the graph expects of a pixel; those of TensorFlow Hub take [0, 1].
 * @throws ShowtellError NOT_FOUND or INVALID_DATA naming the file and what is wrong with it, ENGINE_UNAVAILABLE.
 */
export async function loadMobilenetGraph(
  modelUrl: string,
  backend: Backend | 'auto',
  inputRange: readonly [number, number],
): Promise<MobilenetGraph> {
  const { artifacts, files } = await readGraph(modelUrl)
  const layer = gridLayer(artifacts.modelTopology, modelUrl)
  const engine = await useBackend(backend)
  const model = await loadModel(artifacts, modelUrl, inputRange)
  const ops = new TensorFlowOps()
  const scale = (inputRange[1] - inputRange[0]) / 255
  const run = (pixels: Uint8Array, images: number): Tensor => {
    const input = ops.tensor(pixels, [images, IMAGE_SIZE, IMAGE_SIZE, 3])
    const output = ops.scope(() => {
      const scaled = ops.mul(ops.cast(input, 'float32'), ops.constant([scale], [], 'float32'))
      return model.execute(ops.add(scaled, ops.constant([inputRange[0]], [], 'float32')), layer)
    })
    ops.dispose([input])
    return output
  }

  const trial = run(new Uint8Array(IMAGE_SIZE * IMAGE_SIZE * 3), 1)
  const [, rows, columns, channels] = trial.shape as [number, number, number, number]
  ops.dispose([trial])
  return {
    ...graphShape({ grid: [rows, columns], channels, inputRange }),
    engine,
    sha256: sha256Of(files, inputRange),
    files,
    async features(pixels, images, signal) {
      if (pixels.length !== images * IMAGE_SIZE * IMAGE_SIZE * 3)
        throw expected(`pixels of ${images} images of ${IMAGE_SIZE} × ${IMAGE_SIZE}`, 'pixels', pixels.length)
      const runFew = (few: Uint8Array, count: number): Float32Array => {
        const output = run(few, count)
        const values = ops.read(output) as Float32Array
        ops.dispose([output])
        return values
      }
      return joined(Float32Array, await fewAtOnce(pixels, images, runFew, signal))
    },
    dispose: async () => model.dispose(),
  }
}

/** The graph inside what the package loads, which its type does not show. */
interface GraphModel {
  execute(input: Tensor, node: string): Tensor
  dispose(): void
}

async function loadModel(
  artifacts: GraphArtifacts,
  modelUrl: string,
  [least, greatest]: readonly [number, number],
): Promise<GraphModel> {
  // As late as here, so that who has no such graph does not pay for the package.
  const { load } = await import('@tensorflow-models/mobilenet')
  const handler = { load: async () => artifacts } as Exclude<ModelConfig['modelUrl'], string | undefined>
  try {
    const mobilenet = await load({ version: 2, modelUrl: handler, inputRange: [least, greatest] })
    return (mobilenet as unknown as { model: GraphModel }).model
  } catch (cause) {
    throw new ShowtellError(
      'INVALID_DATA',
      `Expected a MobileNet graph in ${modelUrl} but loading failed: ${messageOf(cause)}`,
      { where: modelUrl, cause },
    )
  }
}

const nodeSchema = z.looseObject({
  name: z.string(),
  op: z.string(),
  input: z.array(z.string()).optional(),
  attr: z
    .looseObject({
      fused_ops: z.looseObject({ list: z.looseObject({ s: z.array(z.string()).optional() }) }).optional(),
    })
    .optional(),
})
const graphSchema = z.looseObject({
  modelTopology: z.looseObject({ node: z.array(nodeSchema) }),
  weightsManifest: z.array(
    z.object({
      // Names, not paths: they become files of a bundle.
      paths: z.array(z.string().regex(/^\w[\w.-]*$/, 'not the name of a file beside it')),
      weights: z.array(z.looseObject({ name: z.string() })),
    }),
  ),
})
type Graph = z.infer<typeof graphSchema>

interface GraphArtifacts extends Record<string, unknown> {
  readonly modelTopology: Graph['modelTopology']
}

/** What the pooling of a MobileNet reads: the node behind its one average pooling (in Keras' graphs a mean). */
function gridLayer({ node: nodes }: Graph['modelTopology'], modelUrl: string): string {
  const pooling = nodes.findLast(({ op }) => op === 'AvgPool' || op === 'Mean')
  const before = nodes.find(({ name }) => name === pooling?.input?.[0])
  const activations = [before?.op, ...(before?.attr?.fused_ops?.list.s ?? []).map(fromBase64)]
  if (before === undefined || !activations.includes('Relu6'))
    throw expected('a pooling behind a relu6', modelUrl, pooling?.name ?? 'none', 'INVALID_DATA')
  return before.name
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString()
}

async function readGraph(
  modelUrl: string,
): Promise<{ artifacts: GraphArtifacts; files: Map<string, Uint8Array> }> {
  const bytes = await readBytes(modelUrl)
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder().decode(bytes))
  } catch (error) {
    throw expected('JSON', modelUrl, messageOf(error), 'INVALID_DATA')
  }
  const parsed = graphSchema.safeParse(json)
  if (!parsed.success)
    throw expected('a graph model', modelUrl, z.prettifyError(parsed.error), 'INVALID_DATA')
  const { weightsManifest, ...rest } = parsed.data
  const names = weightsManifest.flatMap(({ paths }) => paths)
  const shards = await Promise.all(names.map((name) => readBytes(beside(modelUrl, name))))
  return {
    artifacts: {
      ...rest,
      weightSpecs: weightsManifest.flatMap(({ weights }) => weights),
      weightData: await new Blob(shards).arrayBuffer(),
    },
    files: new Map([['model.json', bytes], ...names.map((name, i) => [name, shards[i]!] as const)]),
  }
}

function sha256Of(files: ReadonlyMap<string, Uint8Array>, inputRange: readonly [number, number]): string {
  const hash = createHash('sha256')
  for (const bytes of files.values()) hash.update(bytes)
  return hash.update(JSON.stringify(inputRange)).digest('hex')
}

function beside(url: string, file: string): string {
  return /^(https?|file):/.test(url) ? new URL(file, url).href : join(dirname(url), file)
}

async function readBytes(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const missing = (why: string, cause?: unknown): ShowtellError =>
    new ShowtellError('NOT_FOUND', `Expected a file of a graph model at ${url} but ${why}`, {
      where: url,
      cause,
    })
  try {
    if (!/^https?:/.test(url))
      return new Uint8Array(await readFile(url.startsWith('file:') ? new URL(url) : url))
    const response = await fetch(url)
    if (!response.ok) throw missing(`the server answered ${response.status}`)
    return new Uint8Array(await response.arrayBuffer())
  } catch (error) {
    throw error instanceof ShowtellError ? error : missing(messageOf(error), error)
  }
}
