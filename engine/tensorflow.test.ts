import { beforeAll, describe, expect, it } from 'vitest'
import { backends, tensorCount } from './fixtures/backends.js'
import { differentiate, expectGradients, probed } from './fixtures/differences.js'
import { at, floats, total, type Values } from './fixtures/values.js'
import { type Tensor, TensorFlowOps } from './tensorflow.js'
import { useBackend } from './use-backend.js'

/* What each operation computes is tested in ops.test.ts; here, what only training needs: gradients, cross-entropy. */

const ints = (dims: number[], ...data: number[]): Values => ({ dims, data: Int32Array.from(data) })

const input = (ops: TensorFlowOps, { data, dims }: Values): Tensor =>
  ops.input(data as Float32Array | Int32Array, dims)

describe.each(backends)('gradients on %s', (backend) => {
  beforeAll(async () => {
    expect(await useBackend(backend)).toBe(backend)
  })

  it('linear of rank 3: input, weight and bias', () => {
    const weights = { x: floats(2, 3, 4), w: floats(4, 5), b: floats(5) }
    expectGradients(weights, (ops, { x, w, b }) => probed(ops, ops.linear(x!, w!, b!)))
    expectGradients({ x: weights.x, w: weights.w }, (ops, { x, w }) => probed(ops, ops.linear(x!, w!)))
  })

  it('gather: an id that comes twice gets both shares, one that does not come none', () => {
    const ids = ints([2, 3], 4, 0, 4, 1, 4, 0)
    expectGradients({ table: floats(6, 3) }, (ops, { table }) =>
      probed(ops, ops.gather(table!, input(ops, ids))),
    )
    const ones = differentiate({ table: floats(6, 2) }, (ops, { table }) =>
      ops.sum(ops.reshape(ops.gather(table!, input(ops, ids)), [-1]), 0),
    )
    expect([...ones.gradients.table!]).toEqual([2, 2, 1, 1, 0, 0, 0, 0, 3, 3, 0, 0])
  })

  it('select: of rank 2, 3 and 4', () => {
    const ids = ints([2, 4], 2, 0, 2, 2, 1, 1, 0, 2)
    for (const rest of [[], [3], [3, 2]])
      expectGradients({ x: floats(2, 3, ...rest) }, (ops, { x }) =>
        probed(ops, ops.select(x!, input(ops, ids))),
      )
  })

  it('softmax, batched products, means and the activations', () => {
    expectGradients({ x: floats(2, 3, 4), y: floats(2, 4, 5) }, (ops, { x, y }) =>
      probed(ops, ops.mean(ops.matMul(ops.softmax(x!), y!), 1)),
    )
    expectGradients({ x: floats(3, 4) }, (ops, { x }) =>
      probed(ops, ops.mul(ops.sigmoid(x!), ops.tanh(ops.sub(x!, ops.logSoftmax(x!))))),
    )
  })

  it('concat, split, expand, squeeze and transpose', () => {
    expectGradients({ x: floats(2, 6), y: floats(2, 3) }, (ops, { x, y }) => {
      const [a, b, c] = ops.split(x!, 3, 1) as [Tensor, Tensor, Tensor]
      const joined = ops.concat([c, y!, ops.mul(a, b)], 1)
      return probed(ops, ops.transpose(ops.squeeze(ops.expand(joined, 1), 1)))
    })
  })

  it('split into one part, as a sequence of one step is', () => {
    expectGradients({ x: floats(2, 1, 3) }, (ops, { x }) =>
      probed(ops, ops.squeeze(ops.split(x!, 1, 1)[0]!, 1)),
    )
  })

  describe.each([0, 0.1, 0.5])('cross-entropy with label smoothing %s', (smoothing) => {
    const logits = floats(4, 5)
    const targets = ints([4], 3, 0, 3, 4)

    it('is the likelihood of the smoothed targets', () => {
      const ops = new TensorFlowOps()
      const before = tensorCount()
      const result = ops.scope(() => ops.crossEntropy(input(ops, logits), input(ops, targets), smoothing))
      expect(result.shape).toEqual([4])
      const values = [...ops.read(result)]
      ops.dispose([result])
      expect(tensorCount()).toBe(before)
      for (const [row, value] of values.entries()) {
        const norm = Math.log(total(5, (c) => Math.exp(at(logits, row, c))))
        const truth = total(5, (c) => {
          const share = smoothing / 5 + (c === targets.data[row] ? 1 - smoothing : 0)
          return -share * (at(logits, row, c) - norm)
        })
        expect(value).toBeCloseTo(truth, 5)
      }
    })

    it('has its gradient: softmax less the smoothed targets, for each row its share', () => {
      const loss = (ops: TensorFlowOps, x: Tensor) =>
        probed(ops, ops.crossEntropy(x, input(ops, targets), smoothing))
      expectGradients({ logits }, (ops, weights) => loss(ops, weights.logits!))

      const { gradients } = differentiate({ logits }, (ops, weights) =>
        ops.sum(ops.crossEntropy(weights.logits!, input(ops, targets), smoothing), 0),
      )
      for (let row = 0; row < 4; row++) {
        const norm = total(5, (c) => Math.exp(at(logits, row, c)))
        for (let c = 0; c < 5; c++) {
          const share = smoothing / 5 + (c === targets.data[row] ? 1 - smoothing : 0)
          expect(gradients.logits![5 * row + c]).toBeCloseTo(Math.exp(at(logits, row, c)) / norm - share, 5)
        }
      }
    })
  })

  it('stays finite for scores of any size', () => {
    const logits = { dims: [1, 3], data: Float32Array.of(1000, -1000, 0) }
    const { loss, gradients } = differentiate({ logits }, (ops, weights) =>
      ops.sum(ops.crossEntropy(weights.logits!, ops.input(Int32Array.of(2), [1]), 0.1), 0),
    )
    expect(loss).toBeCloseTo(1000 * (0.9 + 0.1 / 3) + 2000 * (0.1 / 3), 2)
    for (const [c, truth] of [1 - 0.1 / 3, -0.1 / 3, -0.9 - 0.1 / 3].entries())
      expect(gradients.logits![c]).toBeCloseTo(truth, 5)
  })

  it('refuses a loss that is not finite, and leaves nothing behind', () => {
    const before = tensorCount()
    const ops = new TensorFlowOps()
    const x = ops.tensor(Float32Array.of(1), [1])
    expect(() =>
      ops.gradients({ x }, (weights) =>
        ops.sum(ops.mul(weights.x!, ops.input(Float32Array.of(Number.NaN), [1])), 0),
      ),
    ).toThrow(
      expect.objectContaining({ code: 'NUMERIC', message: 'Expected a finite loss but received NaN' }),
    )
    ops.dispose([x])
    expect(tensorCount()).toBe(before)
  })
})

it.each(['gpu', 'toString', ''])('there is no backend %j', async (name) => {
  await expect(useBackend(name as 'cpu')).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: `Expected one of auto, native, wasm, cpu for engine but received "${name}"`,
  })
})

describe('TensorFlowOps', () => {
  it('keeps what tensor() made until dispose(), and frees what a scope made', async () => {
    await useBackend('cpu')
    const ops = new TensorFlowOps()
    const before = tensorCount()
    const kept = ops.scope(() => ops.tensor(Uint8Array.of(0, 255), [2]))
    ops.scope(() => {
      ops.add(kept, ops.input(Int32Array.of(1, 1), [2]))
    })
    expect(tensorCount()).toBe(before + 1)
    expect([...ops.read(kept)]).toEqual([0, 255])
    ops.dispose([kept])
    expect(tensorCount()).toBe(before)
  })
})

describe('useBackend', () => {
  it('takes the fastest that loads', async () => {
    expect(await useBackend('auto')).toBe(backends.at(-1))
  })
})
