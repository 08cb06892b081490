import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { OnnxOps } from './onnx.js'
import { OnnxGraph } from './onnx-graph.js'
import { openSession, unavailable } from './session.js'

const folder = temporaryFolder('session')
const path = join(folder, 'counter.onnx')
beforeAll(async () => {
  const graph = new OnnxGraph('counter')
  const ops = new OnnxOps(graph)
  const before = graph.input('before', 'float32', ['rows', 2])
  const pixels = graph.input('pixels', 'uint8', ['rows', 1])
  const after = ops.add(before, ops.cast(pixels, 'float32'))
  graph.output('after', after, ['rows', 2])
  graph.output('best', ops.topK(after, 1).indices, ['rows', 1])
  await writeFile(path, graph.encode())
})

describe('openSession', () => {
  it('feeds an output straight back, keeps sizes and types, works out only what is asked for', async () => {
    const session = await openSession(path, { threads: 1 })
    expect(session.outputs).toEqual(['after', 'best'])
    // A view that starts in the middle of its buffer.
    const pixels = { data: new Uint8Array([9, 1, 255]).subarray(1), dims: [2, 1] }
    let state = await session.run({ before: { data: new Float32Array([0, 1, 2, 0]), dims: [2, 2] }, pixels })
    expect(state.best!.data).toEqual(new Int32Array([1, 0]))
    expect(state.best!.dims).toEqual([2, 1])
    for (let i = 0; i < 3; i++) state = await session.run({ before: state.after!, pixels }, ['after'])
    expect(Object.keys(state)).toEqual(['after'])
    expect(state.after!.data).toEqual(new Float32Array([4, 5, 1022, 1020]))
    await session.close()
  })

  it('says what it was not fed', async () => {
    const session = await openSession(path, { threads: 1 })
    await expect(session.run({})).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('before'),
    })
    await session.close()
  })

  it('names a file that is missing or no graph', async () => {
    const nowhere = join(folder, 'nowhere.onnx')
    await expect(openSession(nowhere, { threads: 1 })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      where: nowhere,
    })
    const broken = join(folder, 'broken.onnx')
    await writeFile(broken, 'no graph')
    await expect(openSession(broken, { threads: 1 })).rejects.toMatchObject({
      code: 'INVALID_BUNDLE',
      where: broken,
    })
  })

  it('names a graph whose weights are missing', async () => {
    const graph = new OnnxGraph('lost')
    const weight = graph.weight('w', 'lost.safetensors', { type: 'F32', shape: [2], offset: 8, length: 8 })
    graph.output('y', new OnnxOps(graph).relu(weight), [2])
    const lost = join(folder, 'lost.onnx')
    await writeFile(lost, graph.encode())
    await expect(openSession(lost, { threads: 1 })).rejects.toMatchObject({
      code: 'INVALID_BUNDLE',
      where: lost,
    })
  })

  it('says so where onnxruntime-node does not load', async () => {
    vi.doMock('onnxruntime-node', () => {
      throw new Error('no library')
    })
    vi.resetModules()
    const { openSession: open } = await import('./session.js')
    await expect(open(path, { threads: 1 })).rejects.toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
      message: expect.stringMatching(/^Expected onnxruntime-node to load but it has no library for/),
    })
    vi.doUnmock('onnxruntime-node')
  })

  const missing = "Cannot find package 'onnxruntime-node' imported from /app/engine/session.js"
  const here = `it has no library for ${process.platform} ${process.arch} that loads: `
  const binding = '../bin/napi-v6/darwin/x64/onnxruntime_binding.node'
  it.each<[string, string, string]>([
    ['not installed', missing, `${missing}; "npm install --ignore-scripts onnxruntime-node" installs it`],
    [
      'without a library for the platform',
      `Cannot find module '${binding}'\nRequire stack:\n- /app/node_modules/onnxruntime-node/dist/binding.js`,
      `${here}Cannot find module '${binding}'`,
    ],
    [
      'on another C library',
      'Error loading shared library ld-linux-x86-64.so.2: No such file or directory',
      `${here}Error loading shared library ld-linux-x86-64.so.2: No such file or directory`,
    ],
  ])('advises to install onnxruntime-node only where that helps: %s', (_where, message, reason) => {
    expect(unavailable(new Error(message))).toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
      message: `Expected onnxruntime-node to load but ${reason}`,
    })
  })
})
