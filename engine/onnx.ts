import { expected } from '../errors.js'
import { type Attributes, type OnnxGraph, type OnnxValue, TO_NCHW, TO_NHWC } from './onnx-graph.js'
import { ELEMENT_TYPES } from './onnx-model.js'
import type { Convolution, Ops } from './ops.js'

/** Most numbers in a table that `linear` makes of a table of vectors, 64 MB. */
const LARGEST_TABLE = 2 ** 24

/**
 * Records the operations into a graph instead of running them. Images lie as NCHW between convolutions, the layout
 * that runtimes are fast in: a convolution turns its input once, and only what has no NCHW form turns it back.
 * Filters keep the layout they are stored in and are turned in the graph, which a runtime does once while loading.
 *
 * A row of a table times a matrix is a row of the table times that matrix, which does not change while a graph runs:
 * a runtime multiplies the two once, while loading, and the word that a step begins with costs no product.
 */
export class OnnxOps implements Ops<OnnxValue> {
  /** Values that are rows of a weight. */
  private readonly rows = new WeakMap<OnnxValue, { readonly table: OnnxValue; readonly ids: OnnxValue }>()
  /** Values that are others side by side, none of them such a value itself. */
  private readonly joined = new WeakMap<OnnxValue, readonly OnnxValue[]>()

  constructor(private readonly graph: OnnxGraph) {}

  constant(values: readonly number[], shape: readonly number[], dtype: 'float32' | 'int32'): OnnxValue {
    const name = this.graph.constant(dtype, values, shape)
    return { name, rank: shape.length, dtype, layout: 'NHWC', shape }
  }

  cast(x: OnnxValue, dtype: 'float32' | 'int32'): OnnxValue {
    return { ...this.elementwise('Cast', [x], { to: ELEMENT_TYPES[dtype] }), dtype }
  }

  width(weight: OnnxValue): number {
    const width = weight.shape?.at(-1)
    if (width === undefined) throw expected('a weight or constant', 'a width', weight.name)
    return width
  }

  add(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.elementwise('Add', [a, b])
  }

  sub(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.elementwise('Sub', [a, b])
  }

  mul(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.elementwise('Mul', [a, b])
  }

  sigmoid(x: OnnxValue): OnnxValue {
    return this.elementwise('Sigmoid', [x])
  }

  tanh(x: OnnxValue): OnnxValue {
    return this.elementwise('Tanh', [x])
  }

  relu(x: OnnxValue): OnnxValue {
    return this.elementwise('Relu', [x])
  }

  relu6(x: OnnxValue): OnnxValue {
    return this.elementwise('Clip', [x, this.constant([0], [], 'float32'), this.constant([6], [], 'float32')])
  }

  softmax(x: OnnxValue): OnnxValue {
    return this.record('Softmax', [x], x.rank, { axis: -1 })
  }

  logSoftmax(x: OnnxValue): OnnxValue {
    return this.record('LogSoftmax', [x], x.rank, { axis: -1 })
  }

  linear(x: OnnxValue, weight: OnnxValue, bias?: OnnxValue): OnnxValue {
    const parts = this.joined.get(x) ?? [x]
    const looked = parts.findIndex((each) => this.isLookedUp(each, weight))
    // Only of the first and the last part it is known which rows of the weight are theirs.
    if (looked === 0 || (looked > 0 && looked === parts.length - 1)) {
      const { table, ids } = this.rows.get(parts[looked]!)!
      const [total, width] = [weight.shape![0]!, this.width(table)]
      const [from, to] = looked === 0 ? [0, width] : [total - width, total]
      const known = this.gather(this.linear(table, this.slice(weight, from, to), bias), ids)
      if (parts.length === 1) return known
      const others = this.concat(parts.toSpliced(looked, 1), x.rank - 1)
      const rest = looked === 0 ? this.slice(weight, to, total) : this.slice(weight, 0, from)
      return this.add(this.linear(others, rest), known)
    }
    if (bias !== undefined && x.rank === 2) return this.record('Gemm', [x, weight, bias], 2)
    const product = this.record('MatMul', [x, weight], x.rank)
    return bias === undefined ? product : this.add(product, bias)
  }

  matMul(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.record('MatMul', [a, b], a.rank)
  }

  transpose(matrix: OnnxValue): OnnxValue {
    return this.record('Transpose', [matrix], 2, { perm: [1, 0] })
  }

  concat(values: readonly OnnxValue[], axis: number): OnnxValue {
    if (values.length === 1) return values[0]!
    const joined = this.record('Concat', values, values[0]!.rank, { axis })
    if (axis === joined.rank - 1)
      this.joined.set(
        joined,
        values.flatMap((value) => this.joined.get(value) ?? [value]),
      )
    return joined
  }

  split(x: OnnxValue, parts: number, axis: number): OnnxValue[] {
    const { dtype, rank, name } = this.nhwc(x)
    return this.graph
      .node('Split', [name], { axis }, parts)
      .map((part) => ({ name: part, rank, dtype, layout: 'NHWC' }))
  }

  reshape(x: OnnxValue, shape: readonly number[]): OnnxValue {
    return this.record('Reshape', [x, this.integers(shape)], shape.length)
  }

  expand(x: OnnxValue, axis: number): OnnxValue {
    return this.record('Unsqueeze', [x, this.integers([axis])], x.rank + 1)
  }

  squeeze(x: OnnxValue, axis: number): OnnxValue {
    return this.record('Squeeze', [x, this.integers([axis])], x.rank - 1)
  }

  gather(table: OnnxValue, ids: OnnxValue): OnnxValue {
    const found = this.record('Gather', [table, ids], ids.rank + 1, { axis: 0 })
    if (table.rank === 2 && table.shape !== undefined) this.rows.set(found, { table, ids })
    return found
  }

  select(x: OnnxValue, ids: OnnxValue): OnnxValue {
    const positions = this.record('Cast', [this.expand(ids, 2)], 3, { to: ELEMENT_TYPES.int64 })
    return this.record('GatherND', [x, positions], x.rank, { batch_dims: 1 })
  }

  mean(x: OnnxValue, axis: number): OnnxValue {
    return this.record('ReduceMean', [x], x.rank - 1, { axes: [axis], keepdims: 0 })
  }

  sum(x: OnnxValue, axis: number): OnnxValue {
    return this.record('ReduceSum', [x, this.integers([axis])], x.rank - 1, { keepdims: 0 })
  }

  conv2d(x: OnnxValue, filter: OnnxValue, bias: OnnxValue, convolution: Convolution): OnnxValue {
    const turned = this.record('Transpose', [filter], 4, { perm: [3, 2, 0, 1] })
    return this.image('Conv', [this.nchw(x), turned, bias], convolutionAttributes(convolution))
  }

  depthwiseConv2d(x: OnnxValue, filter: OnnxValue, bias: OnnxValue, convolution: Convolution): OnnxValue {
    const channels = filter.shape?.[2]
    if (channels === undefined)
      throw expected('a weight or constant [height, width, channels, 1]', 'a depthwise filter', filter.name)
    const turned = this.record('Transpose', [filter], 4, { perm: [2, 3, 0, 1] })
    const attributes = { ...convolutionAttributes(convolution), group: channels }
    return this.image('Conv', [this.nchw(x), turned, bias], attributes)
  }

  maxPool(x: OnnxValue, size: number, stride: number): OnnxValue {
    return this.image('MaxPool', [this.nchw(x)], { kernel_shape: [size, size], strides: [stride, stride] })
  }

  topK(x: OnnxValue, k: number): { values: OnnxValue; indices: OnnxValue } {
    const { name, rank } = this.nhwc(x)
    const [values, indices] = this.graph.node('TopK', [name, this.integers([k]).name], { axis: -1 }, 2)
    const [cast] = this.graph.node('Cast', [indices!], { to: ELEMENT_TYPES.int32 })
    return {
      values: { name: values!, rank, dtype: 'float32', layout: 'NHWC' },
      indices: { name: cast!, rank, dtype: 'int32', layout: 'NHWC' },
    }
  }

  private isLookedUp(x: OnnxValue, weight: OnnxValue): boolean {
    const table = this.rows.get(x)?.table.shape
    return table !== undefined && weight.shape !== undefined && table[0]! * weight.shape[1]! <= LARGEST_TABLE
  }

  /** Rows of a weight. */
  private slice(weight: OnnxValue, from: number, to: number): OnnxValue {
    const [rows, columns] = weight.shape as [number, number]
    if (from === 0 && to === rows) return weight
    const part = this.record('Slice', [weight, ...[[from], [to], [0]].map((at) => this.integers(at))], 2)
    return { ...part, shape: [to - from, columns] }
  }

  /** A node whose values lie as `Ops` says; the result has the type of the first. */
  private record(
    operator: string,
    values: readonly OnnxValue[],
    rank: number,
    attributes?: Attributes,
  ): OnnxValue {
    const names = values.map((value) => this.nhwc(value).name)
    const [name] = this.graph.node(operator, names, attributes)
    return { name: name!, rank, dtype: values[0]!.dtype, layout: 'NHWC' }
  }

  /** A node that yields an NCHW image. */
  private image(operator: string, values: readonly OnnxValue[], attributes?: Attributes): OnnxValue {
    const names = values.map((value) => value.name)
    const [name] = this.graph.node(operator, names, attributes)
    return { name: name!, rank: 4, dtype: values[0]!.dtype, layout: 'NCHW' }
  }

  /** A node that does not care how its values lie, as long as they lie alike; broadcasting lines up the last axes. */
  private elementwise(operator: string, values: readonly OnnxValue[], attributes?: Attributes): OnnxValue {
    const alike = values.every((value) => value.layout === 'NCHW' || value.rank === 0)
    if (alike && values.some((value) => value.layout === 'NCHW'))
      return this.image(operator, values, attributes)
    return this.record(operator, values, Math.max(...values.map((value) => value.rank)), attributes)
  }

  private nchw(x: OnnxValue): OnnxValue {
    return x.layout === 'NCHW' ? x : this.image('Transpose', [x], { perm: TO_NCHW })
  }

  private nhwc(x: OnnxValue): OnnxValue {
    if (x.layout === 'NHWC') return x
    const [name] = this.graph.node('Transpose', [x.name], { perm: TO_NHWC })
    return { ...x, name: name!, layout: 'NHWC' }
  }

  /** Shapes and axes, which ONNX takes as int64 values. */
  private integers(values: readonly number[]): OnnxValue {
    const name = this.graph.constant('int64', values, [values.length])
    return { name, rank: 1, dtype: 'int32', layout: 'NHWC' }
  }
}

/** ONNX lists the padding as [top, left, bottom, right]. */
function convolutionAttributes({ stride, padding: [top, bottom, left, right] }: Convolution): Attributes {
  return { strides: [stride, stride], pads: [top, left, bottom, right] }
}
