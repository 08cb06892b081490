import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { cases as images } from './fixtures/images.js'
import { cases as operations } from './fixtures/operations.js'
import { OnnxOps } from './onnx.js'
import { OnnxGraph } from './onnx-graph.js'
import { readSafetensors, toFloat16, writeSafetensors } from './safetensors.js'

/*
 * The files against the reference implementations of their formats: the Python packages onnx and safetensors, in the
 * interpreter that SHOWTELL_PYTHON names.
 */

const CHECK = `
import json, sys
import onnx
from safetensors.numpy import load_file

folder, graphs = sys.argv[1], sys.argv[2:]
for graph in graphs:
    onnx.checker.check_model(f"{folder}/{graph}", full_check=True)
    onnx.load(f"{folder}/{graph}")
weights = load_file(f"{folder}/weights.safetensors")
print(json.dumps({name: [str(w.dtype), list(w.shape), w.ravel().astype(float).tolist()] for name, w in weights.items()}))
`

const folder = temporaryFolder('reference')

describe('the reference implementations', () => {
  it('accept the graph of every operation and read every weight', async () => {
    const cases = [...operations, ...images]
    const stored = cases.flatMap(({ weights = [] }, c) =>
      weights.map(({ dims, data }, w) => ({
        name: `case${c}.weight${w}`,
        // Both ways of storing a weight.
        type: w % 2 === 0 ? ('F16' as const) : ('F32' as const),
        shape: dims,
        data: w % 2 === 0 ? toFloat16(data as Float32Array) : data,
      })),
    )
    const path = join(folder, 'weights.safetensors')
    await writeSafetensors(path, stored, { format: 'showtell' })
    const file = await readSafetensors(path)

    for (const [c, { inputs, weights = [], run }] of cases.entries()) {
      const graph = new OnnxGraph(`case${c}`)
      const results = run(
        new OnnxOps(graph),
        inputs.map(({ dims, data }, i) =>
          graph.input(
            `input${i}`,
            data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'uint8',
            dims.map((size, axis) => (axis === 0 ? 'images' : size)),
          ),
        ),
        weights.map((_, w) => {
          const name = `case${c}.weight${w}`
          return graph.weight(name, 'weights.safetensors', file.entry(name))
        }),
      )
      for (const [i, value] of (Array.isArray(results) ? results : [results]).entries())
        graph.output(
          `output${i}`,
          value,
          Array.from({ length: value.rank }, (_, axis) => `size${i}_${axis}`),
        )
      await writeFile(join(folder, `case${c}.onnx`), graph.encode())
    }

    const python = process.env.SHOWTELL_PYTHON ?? 'python3'
    const graphs = cases.map((_, c) => `case${c}.onnx`)
    const { stdout } = await promisify(execFile)(python, ['-c', CHECK, folder, ...graphs])
    const read = JSON.parse(stdout) as Record<string, [string, number[], number[]]>
    expect(Object.keys(read).sort()).toEqual([...file.entries.keys()].sort())
    for (const [name, [dtype, shape, values]] of Object.entries(read)) {
      expect(dtype, name).toBe(file.entry(name).type === 'F16' ? 'float16' : 'float32')
      expect(shape, name).toEqual(file.entry(name).shape)
      expect(values, name).toEqual([...file.float32(name).data])
    }
  })
})
