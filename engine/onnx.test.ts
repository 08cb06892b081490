import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InferenceSession } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { decodeModel } from './fixtures/onnx-model.js'
import { at, fill, floats, total, type Values } from './fixtures/values.js'
import { OnnxOps } from './onnx.js'
import { OnnxGraph, type OnnxValue } from './onnx-graph.js'
import { fromFloat16, readSafetensors, toFloat16, writeSafetensors } from './safetensors.js'
import { openSession } from './session.js'

/* What each operation computes is tested in ops.test.ts; here, what the graph looks like. */

const folder = temporaryFolder('onnx')

/** Weights stored as float16 and what is then left of them. */
async function store(graph: OnnxGraph, weights: Record<string, Values>): Promise<Record<string, OnnxValue>> {
  const path = join(folder, 'weights.safetensors')
  await writeSafetensors(
    path,
    Object.entries(weights).map(([name, { dims, data }]) => ({
      name,
      type: 'F16',
      shape: dims,
      data: toFloat16(data as Float32Array),
    })),
  )
  const { entries } = await readSafetensors(path)
  return Object.fromEntries(
    [...entries].map(([name, entry]) => [name, graph.weight(name, 'weights.safetensors', entry)]),
  )
}

const half = ({ dims, data }: Values): Values => ({
  dims,
  data: fromFloat16(toFloat16(data as Float32Array)),
})

function count(model: Uint8Array): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { op_type } of decodeModel(model).graph.node) counts[op_type] = (counts[op_type] ?? 0) + 1
  return counts
}

/** What a runtime makes of a graph while it loads it. */
async function optimised(graph: OnnxGraph): Promise<Uint8Array> {
  const [path, made] = ['recorded.onnx', 'optimised.onnx'].map((name) => join(folder, name))
  await writeFile(path!, graph.encode())
  const session = await InferenceSession.create(path!, {
    graphOptimizationLevel: 'basic',
    optimizedModelFilePath: made!,
  })
  await session.release()
  return readFile(made!)
}

describe('OnnxGraph', () => {
  it('runs any number of images with float16 weights that lie in a safetensors file', async () => {
    const graph = new OnnxGraph('linear')
    const ops = new OnnxOps(graph)
    const weights = { w: floats(4, 3), b: floats(3) }
    const { w, b } = await store(graph, weights)
    const x = graph.input('x', 'float32', ['images', 'hypotheses', 4])
    graph.output('y', ops.linear(x, w!, b), ['images', 'hypotheses', 3])
    const path = join(folder, 'linear.onnx')
    await writeFile(path, graph.encode())

    // Each weight exists once: the graph has its place only.
    for (const { name, raw_data, external_data } of decodeModel(graph.encode()).graph.initializer) {
      expect(raw_data, name).toBeUndefined()
      expect(Object.fromEntries(external_data!.map(({ key, value }) => [key, value])), name).toEqual({
        location: 'weights.safetensors',
        offset: expect.stringMatching(/^\d+$/),
        length: String(2 * weights[name as 'w' | 'b'].data.length),
      })
    }

    const session = await openSession(path, { threads: 1 })
    for (const [images, hypotheses] of [
      [1, 1],
      [3, 2],
    ] as const) {
      const input = floats(images, hypotheses, 4)
      const { y } = await session.run({ x: input })
      expect(y!.dims).toEqual([images, hypotheses, 3])
      const truth = fill(
        [images, hypotheses, 3],
        (i, h, o) => at(half(weights.b), o) + total(4, (k) => at(input, i, h, k) * at(half(weights.w), k, o)),
      )
      for (const [n, value] of truth.data.entries()) expect(y!.data[n]).toBeCloseTo(value, 5)
    }
    await session.close()
  })

  it('keeps images in NCHW from the first convolution to the last, and runtimes fold the turned filters', async () => {
    const graph = new OnnxGraph('image')
    const ops = new OnnxOps(graph)
    const { point, bias, deep } = await store(graph, {
      point: floats(1, 1, 8, 8),
      bias: floats(8),
      deep: floats(3, 3, 8, 1),
    })
    const x = graph.input('x', 'float32', ['images', 8, 8, 8])
    const entry = ops.relu6(ops.conv2d(x, point!, bias!, { stride: 1, padding: [0, 0, 0, 0] }))
    const inner = ops.relu(ops.depthwiseConv2d(entry, deep!, bias!, { stride: 1, padding: [1, 1, 1, 1] }))
    const sum = ops.mul(ops.add(entry, inner), ops.constant([0.5], [], 'float32'))
    graph.output('y', ops.reshape(ops.maxPool(sum, 2, 2), [0, -1, 8]), ['images', 16, 8])

    // One transpose in, one out, one for each filter; one cast for each weight.
    const recorded = count(graph.encode())
    expect(recorded).toMatchObject({ Transpose: 4, Cast: 3, Conv: 2, Reshape: 1 })
    const { Transpose, Cast, Conv } = count(await optimised(graph))
    expect({ Transpose, Cast, Conv }).toEqual({ Transpose: 2, Cast: undefined, Conv: 2 })
  })

  it('multiplies a table of vectors by what its rows are multiplied by once, while loading', async () => {
    const graph = new OnnxGraph('table')
    const ops = new OnnxOps(graph)
    const { table, w, b } = await store(graph, { table: floats(9, 4), w: floats(7, 5), b: floats(5) })
    const tokens = graph.input('tokens', 'int32', ['images', 'hypotheses'])
    const state = graph.input('state', 'float32', ['images', 'hypotheses', 3])
    const joined = ops.concat([ops.gather(table!, tokens), state], 2)
    graph.output('y', ops.linear(joined, w!, b), ['images', 'hypotheses', 5])
    const { node, initializer } = decodeModel(await optimised(graph)).graph
    expect(node.map(({ op_type }) => op_type).sort()).toEqual(['Add', 'Gather', 'MatMul'])
    expect(initializer.map(({ dims }) => dims.map(Number))).toEqual(
      expect.arrayContaining([
        [9, 5],
        [3, 5],
      ]),
    )
  })

  it('turns an image back when it is an output itself', async () => {
    const graph = new OnnxGraph('image')
    const weights = { point: floats(1, 1, 2, 3), bias: floats(3) }
    const { point, bias } = await store(graph, weights)
    const x = graph.input('x', 'float32', ['images', 'height', 'width', 2])
    const y = new OnnxOps(graph).conv2d(x, point!, bias!, { stride: 1, padding: [0, 0, 0, 0] })
    graph.output('y', y, ['images', 'height', 'width', 3])
    await writeFile(join(folder, 'out.onnx'), graph.encode())
    const session = await openSession(join(folder, 'out.onnx'), { threads: 1 })
    expect((await session.run({ x: floats(1, 4, 5, 2) })).y!.dims).toEqual([1, 4, 5, 3])
    await session.close()
  })

  it('leaves out what no output needs and holds equal constants once', async () => {
    const graph = new OnnxGraph('small')
    const ops = new OnnxOps(graph)
    const { used } = await store(graph, { used: floats(3, 2), unused: floats(2, 2) })
    const x = graph.input('x', 'float32', ['rows', 3])
    const y = ops.mul(ops.linear(x, used!), ops.constant([2], [], 'float32'))
    ops.tanh(y)
    graph.output('y', ops.add(y, ops.constant([2], [], 'float32')), ['rows', 2])
    expect(count(graph.encode())).toEqual({ Cast: 1, MatMul: 1, Mul: 1, Add: 1 })
    const { initializer } = decodeModel(graph.encode()).graph
    expect(initializer.map(({ name }) => name)).toEqual(['used', 'constant_0'])
  })

  it('gives one value under two output names, and an input as an output', async () => {
    const graph = new OnnxGraph('names')
    const ops = new OnnxOps(graph)
    const x = graph.input('x', 'int32', ['n'])
    const y = ops.add(x, ops.constant([1], [], 'int32'))
    graph.output('a', y, ['n'])
    graph.output('b', y, ['n'])
    graph.output('same', x, ['n'])
    await writeFile(join(folder, 'names.onnx'), graph.encode())
    const session = await openSession(join(folder, 'names.onnx'), { threads: 1 })
    const { a, b, same } = await session.run({ x: { data: new Int32Array([4, 5]), dims: [2] } })
    expect([a, b, same].map((value) => [...value!.data])).toEqual([
      [5, 6],
      [5, 6],
      [4, 5],
    ])
    await session.close()
  })

  it('refuses a name that is taken, a type that Ops does not have, a depthwise filter of unknown size', () => {
    const graph = new OnnxGraph('refusals')
    const x = graph.input('hidden', 'float32', ['images', 5, 5, 'channels'])
    expect(() => graph.output('hidden', x, [1, 5, 5, 1])).toThrow(
      'Expected a name of its own for each value of graph refusals but received hidden twice',
    )
    expect(() => graph.weight('ids', 'w', { type: 'I64', shape: [1], offset: 8, length: 8 })).toThrow(
      'Expected F32, F16, I32 or U8 for ids but received I64',
    )
    expect(() => new OnnxOps(graph).depthwiseConv2d(x, x, x, { stride: 1, padding: [0, 0, 0, 0] })).toThrow(
      'Expected a weight or constant [height, width, channels, 1] for a depthwise filter but received "hidden"',
    )
  })
})
