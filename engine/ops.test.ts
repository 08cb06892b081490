import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import type { Backend } from './backends.js'
import { cases as images } from './fixtures/images.js'
import { cases as operations } from './fixtures/operations.js'
import type { Case, Values } from './fixtures/values.js'
import { OnnxOps } from './onnx.js'
import { OnnxGraph } from './onnx-graph.js'
import type { DType } from './ops.js'
import { readSafetensors, type SafetensorsInput, writeSafetensors } from './safetensors.js'
import { openSession } from './session.js'
import { TensorFlowOps } from './tensorflow.js'
import { useBackend } from './use-backend.js'

/*
 * What every engine must agree on: each operation against its definition written as loops over indices.
 */

type Engine = (given: Case) => Promise<Values[]>

const dtypeOf = ({ data }: Values): DType =>
  data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'uint8'

const folder = temporaryFolder('operations')

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

describe.each<[string, Engine, Backend]>([
  ['TensorFlowOps on cpu', eager, 'cpu'],
  ['TensorFlowOps on wasm', eager, 'wasm'],
  ['OnnxOps in onnxruntime', recorded, 'cpu'],
])('%s', (_, engine, backend) => {
  beforeAll(() => useBackend(backend))

  it.each([...operations, ...images].map((given) => [given.name, given] as const))(
    '%s',
    async (_name, given) => {
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
    },
  )
})
