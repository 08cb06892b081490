import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Random } from '../random.js'
import { OnnxOps } from './onnx.js'
import { OnnxGraph } from './onnx-graph.js'
import type { DType, Ops } from './ops.js'
import { readSafetensors, type SafetensorsInput, writeSafetensors } from './safetensors.js'
import { openSession } from './session.js'
import { type Backend, TensorFlowOps, useBackend } from './tensorflow.js'

/*
 * What every engine must agree on: each operation against its definition written as loops over indices.
 */

interface Values {
  readonly dims: readonly number[]
  readonly data: Float32Array | Int32Array | Uint8Array
}

/** Numbers given by a function of their index. */
function fill(
  dims: readonly number[],
  value: (...index: number[]) => number,
  dtype: DType = 'float32',
): Values {
  const size = dims.reduce((product, length) => product * length, 1)
  const Type = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array }[dtype]
  const data = new Type(size)
  for (let flat = 0; flat < size; flat++) {
    const index: number[] = []
    for (let axis = dims.length - 1, rest = flat; axis >= 0; axis--) {
      index.unshift(rest % dims[axis]!)
      rest = Math.floor(rest / dims[axis]!)
    }
    data[flat] = value(...index)
  }
  return { dims, data }
}

function at({ dims, data }: Values, ...index: number[]): number {
  return data[index.reduce((flat, i, axis) => flat * dims[axis]! + i, 0)]!
}

function total(count: number, term: (i: number) => number): number {
  return Array.from({ length: count }, (_, i) => term(i)).reduce((sum, value) => sum + value, 0)
}

const random = new Random(3, 'operations')
const floats = (...dims: number[]): Values => fill(dims, () => random.normal())
const ids = (limit: number, ...dims: number[]): Values => fill(dims, () => random.below(limit), 'int32')
const matrix = (rows: readonly (readonly number[])[]): Values =>
  fill([rows.length, rows[0]!.length], (r, c) => rows[r]![c]!)

interface Case {
  readonly name: string
  readonly inputs: readonly Values[]
  /** Weights of a model: in ONNX they lie in a safetensors file. */
  readonly weights?: readonly Values[]
  run<T>(ops: Ops<T>, inputs: T[], weights: T[]): T | readonly T[]
  readonly expected: Values | readonly Values[]
}

const cases: Case[] = []

function unary(name: string, value: (x: number) => number, run: <T>(ops: Ops<T>, x: T) => T): void {
  const x = fill([3, 2, 5], () => 4 * random.normal())
  cases.push({
    name,
    inputs: [x],
    run: (ops, [input]) => run(ops, input!),
    expected: fill(x.dims, (...index) => value(at(x, ...index))),
  })
}
unary(
  'sigmoid',
  (x) => 1 / (1 + Math.exp(-x)),
  (ops, x) => ops.sigmoid(x),
)
unary('tanh', Math.tanh, (ops, x) => ops.tanh(x))
unary(
  'relu',
  (x) => Math.max(x, 0),
  (ops, x) => ops.relu(x),
)
unary(
  'relu6',
  (x) => Math.min(Math.max(x, 0), 6),
  (ops, x) => ops.relu6(x),
)

{
  const query = floats(2, 3, 1, 4)
  const keys = floats(2, 1, 5, 4)
  const combine = (join: (a: number, b: number) => number): Values =>
    fill([2, 3, 5, 4], (i, h, r, u) => join(at(query, i, h, 0, u), at(keys, i, 0, r, u)))
  cases.push({
    name: 'add, sub and mul with broadcasting on both sides',
    inputs: [query, keys],
    run: (ops, [a, b]) => [ops.add(a!, b!), ops.sub(a!, b!), ops.mul(a!, b!)],
    expected: [combine((a, b) => a + b), combine((a, b) => a - b), combine((a, b) => a * b)],
  })
  cases.push({
    name: 'arithmetic with constants of rank 0 and of a lower rank',
    inputs: [query],
    run: (ops, [a]) => [
      ops.sub(ops.constant([2], [], 'float32'), a!),
      ops.mul(a!, ops.constant([1, 2, 3, 4], [4], 'float32')),
    ],
    expected: [
      fill(query.dims, (...index) => 2 - at(query, ...index)),
      fill(query.dims, (i, h, r, u) => (u + 1) * at(query, i, h, r, u)),
    ],
  })
}

{
  const x = matrix([[1.9, -1.9, 0, 7]])
  const whole = fill([2, 2], (r, c) => 10 * r - c, 'int32')
  const pixels = fill([1, 3], (_, c) => 127 + c, 'uint8')
  cases.push({
    name: 'cast: towards zero to int32, from int32 and from pixels',
    inputs: [x, whole, pixels],
    run: (ops, [f, i, u]) => [ops.cast(f!, 'int32'), ops.cast(i!, 'float32'), ops.cast(u!, 'float32')],
    expected: [
      fill([1, 4], (_, c) => [1, -1, 0, 7][c]!, 'int32'),
      fill([2, 2], (r, c) => 10 * r - c),
      fill([1, 3], (_, c) => 127 + c),
    ],
  })
}

{
  const x = fill([2, 3, 6], () => 30 * random.normal())
  const logSum = (i: number, j: number): number => Math.log(total(6, (k) => Math.exp(at(x, i, j, k))))
  cases.push({
    name: 'softmax and logSoftmax over the last axis',
    inputs: [x],
    run: (ops, [input]) => [ops.softmax(input!), ops.logSoftmax(input!)],
    expected: [
      fill(x.dims, (i, j, k) => Math.exp(at(x, i, j, k) - logSum(i, j))),
      fill(x.dims, (i, j, k) => at(x, i, j, k) - logSum(i, j)),
    ],
  })
}

for (const leading of [[4], [2, 3], [2, 3, 2]]) {
  const x = floats(...leading, 5)
  const weight = floats(5, 3)
  const bias = floats(3)
  const product = (...index: number[]): number =>
    total(5, (k) => at(x, ...index.slice(0, -1), k) * at(weight, k, index.at(-1)!))
  cases.push({
    name: `linear of rank ${leading.length + 1}, with and without bias`,
    inputs: [x],
    weights: [weight, bias],
    run: (ops, [input], [w, b]) => [ops.linear(input!, w!, b!), ops.linear(input!, w!)],
    expected: [
      fill([...leading, 3], (...index) => product(...index) + at(bias, index.at(-1)!)),
      fill([...leading, 3], product),
    ],
  })
}

for (const leading of [[], [3], [2, 3]]) {
  const a = floats(...leading, 2, 5)
  const b = floats(...leading, 5, 4)
  cases.push({
    name: `matMul of rank ${leading.length + 2}`,
    inputs: [a, b],
    run: (ops, [left, right]) => ops.matMul(left!, right!),
    expected: fill([...leading, 2, 4], (...index) => {
      const [row, column] = index.slice(-2) as [number, number]
      const first = index.slice(0, -2)
      return total(5, (k) => at(a, ...first, row, k) * at(b, ...first, k, column))
    }),
  })
}

{
  const x = floats(2, 4, 3)
  const y = floats(2, 1, 3)
  const flat = floats(3, 5)
  cases.push({
    name: 'transpose, concat, split, reshape, expand and squeeze',
    inputs: [x, y, flat],
    run: (ops, [a, b, m]) => [
      ops.transpose(m!),
      ops.concat([a!, b!, a!], 1),
      ...ops.split(a!, 2, 1),
      ops.reshape(a!, [0, -1]),
      ops.reshape(a!, [-1, 2, 3]),
      ops.expand(a!, 2),
      ops.expand(a!, 0),
      ops.squeeze(b!, 1),
    ],
    expected: [
      fill([5, 3], (r, c) => at(flat, c, r)),
      fill([2, 9, 3], (i, j, k) => (j < 4 ? at(x, i, j, k) : j === 4 ? at(y, i, 0, k) : at(x, i, j - 5, k))),
      fill([2, 2, 3], (i, j, k) => at(x, i, j, k)),
      fill([2, 2, 3], (i, j, k) => at(x, i, j + 2, k)),
      { ...x, dims: [2, 12] },
      { ...x, dims: [4, 2, 3] },
      { ...x, dims: [2, 4, 1, 3] },
      { ...x, dims: [1, 2, 4, 3] },
      { ...y, dims: [2, 3] },
    ],
  })
}

{
  const table = floats(7, 3)
  const few = ids(7, 4)
  const many = ids(7, 2, 3)
  cases.push({
    name: 'gather by ids of rank 1 and 2',
    inputs: [few, many],
    weights: [table],
    run: (ops, [a, b], [t]) => [ops.gather(t!, a!), ops.gather(t!, b!)],
    expected: [
      fill([4, 3], (i, c) => at(table, at(few, i), c)),
      fill([2, 3, 3], (i, j, c) => at(table, at(many, i, j), c)),
    ],
  })
}

for (const rest of [[], [3], [3, 2]]) {
  const x = floats(3, 4, ...rest)
  const parents = ids(4, 3, 5)
  cases.push({
    name: `select where ${rest.length} axes follow the entries`,
    inputs: [x, parents],
    run: (ops, [values, rows]) => ops.select(values!, rows!),
    expected: fill([3, 5, ...rest], (i, m, ...index) => at(x, i, at(parents, i, m), ...index)),
  })
}

{
  const x = floats(2, 3, 4)
  const axes = [0, 1, 2]
  const summed = axes.map((axis) =>
    fill(
      x.dims.filter((_, a) => a !== axis),
      (...index) => total(x.dims[axis]!, (i) => at(x, ...index.slice(0, axis), i, ...index.slice(axis))),
    ),
  )
  cases.push({
    name: 'sum and mean over each axis',
    inputs: [x],
    run: (ops, [input]) => axes.flatMap((axis) => [ops.sum(input!, axis), ops.mean(input!, axis)]),
    expected: axes.flatMap((axis) => [
      summed[axis]!,
      fill(summed[axis]!.dims, (...index) => at(summed[axis]!, ...index) / x.dims[axis]!),
    ]),
  })
}

{
  // Ties too: the earlier index comes first.
  const x = fill(
    [2, 2, 6],
    (i, j, k) =>
      [
        [3, -1, 8, 3, 8, 0],
        [-5, -4, -3, -2, -1, -6],
        [1, 1, 1, 1, 1, 1],
        [0, 5, 4, 9, 7, 2],
      ][2 * i + j]![k]!,
  )
  const order = [
    [2, 4, 0, 3],
    [4, 3, 2, 1],
    [0, 1, 2, 3],
    [3, 4, 1, 2],
  ]
  cases.push({
    name: 'topK in falling order, the earlier of equals first',
    inputs: [x],
    run: (ops, [input]) => {
      const { values, indices } = ops.topK(input!, 4)
      return [values, indices]
    },
    expected: [
      fill([2, 2, 4], (i, j, k) => at(x, i, j, order[2 * i + j]![k]!)),
      fill([2, 2, 4], (i, j, k) => order[2 * i + j]![k]!, 'int32'),
    ],
  })
}

const convolutions = [
  { size: [5, 7], filter: [3, 3], stride: 1, padding: [1, 1, 1, 1] },
  { size: [6, 8], filter: [3, 3], stride: 2, padding: [0, 1, 0, 1] },
  { size: [7, 5], filter: [5, 3], stride: 2, padding: [2, 1, 0, 3] },
  { size: [4, 4], filter: [1, 1], stride: 1, padding: [0, 0, 0, 0] },
] as const
for (const { size, filter, stride, padding } of convolutions) {
  const [top, bottom, left, right] = padding
  const [height, width] = size.map((length, axis) =>
    Math.floor((length + (axis === 0 ? top + bottom : left + right) - filter[axis]!) / stride + 1),
  ) as [number, number]
  const x = floats(2, ...size, 3)
  const weight = floats(...filter, 3, 4)
  const bias = floats(4)
  const deep = floats(...filter, 3, 1)
  const deepBias = floats(3)
  const pixel = (n: number, r: number, c: number, channel: number): number =>
    r < 0 || c < 0 || r >= size[0] || c >= size[1] ? 0 : at(x, n, r, c, channel)
  const window = (n: number, r: number, c: number, channel: number, tap: (y: number, x: number) => number) =>
    total(filter[0], (fy) =>
      total(
        filter[1],
        (fx) => pixel(n, r * stride + fy - top, c * stride + fx - left, channel) * tap(fy, fx),
      ),
    )
  cases.push({
    name: `conv2d and depthwiseConv2d of ${size} by ${filter}, stride ${stride}, padding ${padding}`,
    inputs: [x],
    weights: [weight, bias, deep, deepBias],
    run: (ops, [input], [w, b, d, e]) => [
      ops.conv2d(input!, w!, b!, { stride, padding }),
      ops.depthwiseConv2d(input!, d!, e!, { stride, padding }),
    ],
    expected: [
      fill(
        [2, height, width, 4],
        (n, r, c, o) =>
          at(bias, o) + total(3, (i) => window(n, r, c, i, (fy, fx) => at(weight, fy, fx, i, o))),
      ),
      fill(
        [2, height, width, 3],
        (n, r, c, i) => at(deepBias, i) + window(n, r, c, i, (fy, fx) => at(deep, fy, fx, i, 0)),
      ),
    ],
  })
}

for (const [size, stride] of [
  [2, 2],
  [3, 2],
  [2, 1],
] as const) {
  const x = floats(2, 7, 5, 3)
  const length = (from: number): number => Math.floor((from - size) / stride) + 1
  cases.push({
    name: `maxPool of ${size} by ${size}, stride ${stride}`,
    inputs: [x],
    run: (ops, [input]) => ops.maxPool(input!, size, stride),
    expected: fill([2, length(7), length(5), 3], (n, r, c, i) => {
      const window = Array.from({ length: size * size }, (_, cell) =>
        at(x, n, r * stride + Math.floor(cell / size), c * stride + (cell % size), i),
      )
      return Math.max(...window)
    }),
  })
}

{
  // Everything that may stand between convolutions, and everything that brings an image back to NHWC.
  const x = floats(2, 5, 4, 3)
  const point = floats(1, 1, 3, 3)
  const none = fill([3], () => 0)
  const filtered = (n: number, r: number, c: number, o: number): number =>
    total(3, (i) => at(x, n, r, c, i) * at(point, 0, 0, i, o))
  const once = fill(x.dims, (n, r, c, o) => 2 * (Math.max(filtered(n, r, c, o), 0) + filtered(n, r, c, o)))
  cases.push({
    name: 'images of convolutions in every other operation',
    inputs: [x],
    weights: [point, none],
    run: (ops, [input], [w, b]) => {
      const image = ops.conv2d(input!, w!, b!, { stride: 1, padding: [0, 0, 0, 0] })
      const sum = ops.mul(ops.add(ops.relu(image), image), ops.constant([2], [], 'float32'))
      return [
        sum,
        ops.add(sum, input!),
        ops.mul(sum, ops.constant([1, 2, 3], [3], 'float32')),
        ops.concat([sum, input!], 3),
        ops.reshape(sum, [0, -1, 3]),
        ops.mean(sum, 3),
        ops.softmax(sum),
        ops.split(sum, 3, 3)[1]!,
        ops.squeeze(ops.expand(sum, 1), 1),
        ops.topK(sum, 1).values,
      ]
    },
    expected: [
      once,
      fill(x.dims, (...index) => at(once, ...index) + at(x, ...index)),
      fill(x.dims, (n, r, c, i) => at(once, n, r, c, i) * (i + 1)),
      fill([2, 5, 4, 6], (n, r, c, i) => (i < 3 ? at(once, n, r, c, i) : at(x, n, r, c, i - 3))),
      { ...once, dims: [2, 20, 3] },
      fill([2, 5, 4], (n, r, c) => total(3, (i) => at(once, n, r, c, i)) / 3),
      fill(
        x.dims,
        (n, r, c, i) => Math.exp(at(once, n, r, c, i)) / total(3, (o) => Math.exp(at(once, n, r, c, o))),
      ),
      fill([2, 5, 4, 1], (n, r, c) => at(once, n, r, c, 1)),
      once,
      fill([2, 5, 4, 1], (n, r, c) => Math.max(...[0, 1, 2].map((i) => at(once, n, r, c, i)))),
    ],
  })
}

type Engine = (given: Case) => Promise<Values[]>

const dtypeOf = ({ data }: Values): DType =>
  data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'uint8'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'operations-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Every size is left open, so that nothing rests on the sizes of one case. */
const recorded: Engine = async ({ inputs, weights = [], run }) => {
  const file = 'weights.safetensors'
  const stored = weights.map(
    ({ dims, data }, i): SafetensorsInput => ({ name: `weight${i}`, type: 'F32', shape: dims, data }),
  )
  await writeSafetensors(join(folder, file), stored)
  const { entries } = await readSafetensors(join(folder, file))
  const graph = new OnnxGraph('case')
  const results = run(
    new OnnxOps(graph),
    inputs.map((input, i) =>
      graph.input(
        `input${i}`,
        dtypeOf(input),
        input.dims.map((_, axis) => `size${i}_${axis}`),
      ),
    ),
    weights.map((_, i) => graph.weight(`weight${i}`, file, entries.get(`weight${i}`)!)),
  )
  const values = Array.isArray(results) ? results : [results]
  for (const [i, value] of values.entries()) {
    const sizes = Array.from({ length: value.rank }, (_, axis) => `result${i}_${axis}`)
    graph.output(`output${i}`, value, sizes)
  }
  const path = join(folder, 'case.onnx')
  await writeFile(path, graph.encode())
  const session = await openSession(path, { threads: 1 })
  const outputs = await session.run(Object.fromEntries(inputs.map((input, i) => [`input${i}`, input])))
  await session.close()
  return values.map((_, i) => outputs[`output${i}`]!)
}

const eager: Engine = async ({ inputs, weights = [], run }) => {
  const ops = new TensorFlowOps()
  const tensors = [...inputs, ...weights].map(({ data, dims }) => ops.tensor(data, dims))
  return ops.scope(() => {
    const results = run(ops, tensors.slice(0, inputs.length), tensors.slice(inputs.length))
    const values = (Array.isArray(results) ? results : [results]).map((value) => ({
      dims: value.shape,
      // TensorFlow.js keeps the array of a number that it only renamed from int32 to float32.
      data: (value.dtype === 'int32' ? Int32Array : Float32Array).from(ops.read(value)),
    }))
    ops.dispose(tensors)
    return values
  })
}

describe.each<{ title: string; engine: Engine; backend: Backend }>([
  { title: 'TensorFlowOps on cpu', engine: eager, backend: 'cpu' },
  { title: 'TensorFlowOps on wasm', engine: eager, backend: 'wasm' },
  { title: 'OnnxOps in onnxruntime', engine: recorded, backend: 'cpu' },
])('$title', ({ engine, backend }) => {
  beforeAll(async () => {
    await useBackend(backend)
  })

  it.each(cases.map((given) => [given.name, given] as const))('%s', async (_name, given) => {
    const truth = Array.isArray(given.expected) ? given.expected : [given.expected]
    const results = await engine(given)
    expect(results.length).toBe(truth.length)
    for (const [r, { dims, data }] of results.entries()) {
      const right: Values = truth[r]!
      expect(dims, `sizes of result ${r}`).toEqual(right.dims)
      expect(data.constructor.name, `type of result ${r}`).toBe(right.data.constructor.name)
      data.forEach((value: number, i: number) => {
        const error = Math.abs(value - right.data[i]!)
        if (!(error <= 1e-5 * Math.max(1, Math.abs(right.data[i]!))))
          expect.fail(`result ${r} is ${value} at ${i} where ${right.data[i]} is right`)
      })
    }
  })
})
