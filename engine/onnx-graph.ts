import { ShowtellError } from '../errors.js'
import {
  ATTRIBUTE_TYPES,
  type AttributeProto,
  ELEMENT_TYPES,
  type ElementType,
  EXTERNAL,
  encodeModel,
  type GraphProto,
  type ValueInfoProto,
} from './onnx-model.js'
import type { DType } from './ops.js'
import type { SafetensorsEntry, SafetensorsFile, SafetensorsType } from './safetensors.js'

/** A value that a graph will hold when it runs. */
export interface OnnxValue {
  readonly name: string
  readonly rank: number
  readonly dtype: DType
  /** How an image lies in the graph; `Ops` always speaks of it as NHWC. */
  readonly layout: 'NHWC' | 'NCHW'
  /** Sizes, where they are known: of weights and constants. */
  readonly shape?: readonly number[]
}

/** A size of an input or output, by name where it is only known when the graph runs. */
export type Size = number | string

/** Attributes of a node; the operators in use need integers only. */
export type Attributes = Readonly<Record<string, number | readonly number[]>>

/** Operator set 17 goes with format version 8 (ONNX 1.12); what is used of it means the same up to today. */
const OPERATOR_SET = 17
const FORMAT_VERSION = 8

const STORED: Readonly<Partial<Record<SafetensorsType, ElementType & (DType | 'float16')>>> = {
  F32: 'float32',
  F16: 'float16',
  I32: 'int32',
  U8: 'uint8',
}

/** The name of a state value that comes out of a graph; the same name would be that of the value that goes in. */
export const after = (state: string): string => `${state}_after`

/** An ONNX graph under construction. Names of inputs, weights and outputs must differ from each other. */
export class OnnxGraph {
  private readonly graph: GraphProto
  private readonly names = new Set<string>()
  private readonly constants = new Map<string, string>()
  /** Values of nodes that are outputs, and the names that they have as such. */
  private readonly outputs = new Map<string, string>()

  constructor(name: string) {
    this.graph = { name, node: [], initializer: [], input: [], output: [] }
  }

  input(name: string, dtype: DType, dims: readonly Size[]): OnnxValue {
    this.graph.input.push(valueInfo(this.claim(name), dtype, dims))
    return { name, rank: dims.length, dtype, layout: 'NHWC' }
  }

  /**
   * A tensor inside a safetensors file. The graph holds its place, not its numbers; float16 is cast when the graph is
   * loaded.
   * @param file path of the safetensors file, relative to the folder of the model.
   * @throws ShowtellError INVALID_BUNDLE naming a tensor whose type has no place in `Ops`.
   */
  weight(name: string, file: string, { type, shape, offset, length }: SafetensorsEntry): OnnxValue {
    const stored = STORED[type]
    if (stored === undefined)
      throw new ShowtellError(
        'INVALID_BUNDLE',
        `Expected F32, F16, I32 or U8 for ${name} but received ${type}`,
        {
          where: name,
        },
      )
    this.graph.initializer.push({
      name: this.claim(name),
      dims: [...shape],
      data_type: ELEMENT_TYPES[stored],
      data_location: EXTERNAL,
      external_data: [
        { key: 'location', value: file },
        { key: 'offset', value: String(offset) },
        { key: 'length', value: String(length) },
      ],
    })
    const value = { rank: shape.length, layout: 'NHWC', shape } as const
    if (stored !== 'float16') return { ...value, name, dtype: stored }
    const [cast] = this.node('Cast', [name], { to: ELEMENT_TYPES.float32 })
    return { ...value, name: cast!, dtype: 'float32' }
  }

  /** The tensors of a safetensors file under a prefix, by their names without it; `file` as for `weight`. */
  weights({ entries }: SafetensorsFile, file: string, prefix = ''): Record<string, OnnxValue> {
    return Object.fromEntries(
      [...entries]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, entry]) => [name.slice(prefix.length), this.weight(name, file, entry)]),
    )
  }

  /** Numbers held in the graph itself; the same numbers are held once. Returns their name. */
  constant(
    type: ElementType & ('float32' | 'int32' | 'int64'),
    values: readonly number[],
    shape: readonly number[],
  ): string {
    const key = `${type} ${shape.join('×')}: ${values.map((value) => (Object.is(value, -0) ? '-0' : value)).join(' ')}`
    const known = this.constants.get(key)
    if (known !== undefined) return known
    const name = this.claim(`constant_${this.constants.size}`)
    this.graph.initializer.push({
      name,
      dims: [...shape],
      data_type: ELEMENT_TYPES[type],
      raw_data: littleEndian(type, values),
    })
    this.constants.set(key, name)
    return name
  }

  /** Appends a node and returns the names of its outputs. */
  node(operator: string, inputs: readonly string[], attributes: Attributes = {}, outputs = 1): string[] {
    const name = `${operator}_${this.graph.node.length}`
    const output = Array.from({ length: outputs }, (_, i) =>
      this.claim(outputs === 1 ? name : `${name}_${i}`),
    )
    const attribute = Object.entries(attributes).map(asAttribute)
    this.graph.node.push({ name, op_type: operator, input: [...inputs], output, attribute })
    return output
  }

  /** Makes a value an output of the graph, under a name of its own. */
  output(name: string, value: OnnxValue, dims: readonly Size[]): void {
    const plain =
      value.layout === 'NCHW' ? this.node('Transpose', [value.name], { perm: TO_NHWC })[0]! : value.name
    this.claim(name)
    // What a node gives takes the name itself: a copy under another would be made at every run.
    if (!this.outputs.has(plain) && this.graph.node.some(({ output }) => output.includes(plain)))
      this.outputs.set(plain, name)
    else
      this.graph.node.push({
        name: `output_${this.graph.output.length}`,
        op_type: 'Identity',
        input: [plain],
        output: [name],
        attribute: [],
      })
    this.graph.output.push(valueInfo(name, value.dtype, dims))
  }

  /** The bytes of the `.onnx` file, with the nodes and weights that the outputs need and no others. */
  encode(): Uint8Array {
    const needed = new Set(this.graph.output.map(({ name }) => name))
    const renamed = (name: string): string => this.outputs.get(name) ?? name
    const named = this.graph.node.map((node) => ({
      ...node,
      input: node.input.map(renamed),
      output: node.output.map(renamed),
    }))
    const node = named.toReversed().filter(({ input, output }) => {
      const used = output.some((name) => needed.has(name))
      if (used) for (const name of input) needed.add(name)
      return used
    })
    const initializer = this.graph.initializer.filter(({ name }) => needed.has(name))
    return encodeModel({
      ir_version: FORMAT_VERSION,
      producer_name: 'showtell',
      opset_import: [{ domain: '', version: OPERATOR_SET }],
      graph: { ...this.graph, node: node.toReversed(), initializer },
    })
  }

  /** @throws ShowtellError INVALID_ARGUMENT for a name that two values would share. */
  private claim(name: string): string {
    if (this.names.has(name))
      throw new ShowtellError(
        'INVALID_ARGUMENT',
        `Expected a name of its own for each value of graph ${this.graph.name} but received ${name} twice`,
        { where: name },
      )
    this.names.add(name)
    return name
  }
}

/** Axes of an NHWC image in the order NCHW, and back. */
export const TO_NCHW = [0, 3, 1, 2] as const
export const TO_NHWC = [0, 2, 3, 1] as const

function asAttribute([name, value]: [string, number | readonly number[]]): AttributeProto {
  return typeof value === 'number'
    ? { name, type: ATTRIBUTE_TYPES.INT, i: value }
    : { name, type: ATTRIBUTE_TYPES.INTS, ints: [...value] }
}

function valueInfo(name: string, dtype: DType, dims: readonly Size[]): ValueInfoProto {
  const dim = dims.map((size) => (typeof size === 'number' ? { dim_value: size } : { dim_param: size }))
  return { name, type: { tensor_type: { elem_type: ELEMENT_TYPES[dtype], shape: { dim } } } }
}

function littleEndian(type: 'float32' | 'int32' | 'int64', values: readonly number[]): Uint8Array {
  const width = type === 'int64' ? 8 : 4
  const bytes = new Uint8Array(values.length * width)
  const view = new DataView(bytes.buffer)
  values.forEach((value, i) => {
    if (type === 'int64') view.setBigInt64(i * width, BigInt(value), true)
    else if (type === 'int32') view.setInt32(i * width, value, true)
    else view.setFloat32(i * width, value, true)
  })
  return bytes
}
