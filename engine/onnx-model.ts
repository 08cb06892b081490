import protobuf from 'protobufjs/light.js'

/*
 * The part of the Open Neural Network Exchange format that a recorded graph needs. Names and numbers of messages and
 * fields are those of the standard (onnx.proto).
 */

/** `TensorProto.DataType`. */
export const ELEMENT_TYPES = Object.freeze({ float32: 1, uint8: 2, int32: 6, int64: 7, float16: 10 })
export type ElementType = keyof typeof ELEMENT_TYPES

/** `AttributeProto.AttributeType`. */
export const ATTRIBUTE_TYPES = Object.freeze({ INT: 2, INTS: 7 })

/** `TensorProto.DataLocation`. */
export const EXTERNAL = 1

export interface ModelProto {
  ir_version: number
  producer_name: string
  opset_import: { domain: string; version: number }[]
  graph: GraphProto
}

export interface GraphProto {
  name: string
  node: NodeProto[]
  initializer: TensorProto[]
  input: ValueInfoProto[]
  output: ValueInfoProto[]
}

export interface NodeProto {
  name: string
  op_type: string
  input: string[]
  output: string[]
  attribute: AttributeProto[]
}

export interface AttributeProto {
  name: string
  type: number
  i?: number
  ints?: number[]
}

export interface TensorProto {
  name: string
  dims: number[]
  data_type: number
  raw_data?: Uint8Array
  data_location?: number
  external_data?: { key: string; value: string }[]
}

export interface ValueInfoProto {
  name: string
  type: { tensor_type: { elem_type: number; shape: { dim: Dimension[] } } }
}

export type Dimension = { dim_value: number } | { dim_param: string }

/** Fields as `name: [type, number]`. */
const MESSAGES: Readonly<Record<string, Readonly<Record<string, readonly [type: string, id: number]>>>> = {
  ModelProto: {
    ir_version: ['int64', 1],
    producer_name: ['string', 2],
    graph: ['GraphProto', 7],
    opset_import: ['repeated OperatorSetIdProto', 8],
  },
  OperatorSetIdProto: { domain: ['string', 1], version: ['int64', 2] },
  GraphProto: {
    node: ['repeated NodeProto', 1],
    name: ['string', 2],
    initializer: ['repeated TensorProto', 5],
    input: ['repeated ValueInfoProto', 11],
    output: ['repeated ValueInfoProto', 12],
  },
  NodeProto: {
    input: ['repeated string', 1],
    output: ['repeated string', 2],
    name: ['string', 3],
    op_type: ['string', 4],
    attribute: ['repeated AttributeProto', 5],
  },
  AttributeProto: {
    name: ['string', 1],
    i: ['int64', 3],
    ints: ['repeated int64', 8],
    type: ['int32', 20],
  },
  TensorProto: {
    dims: ['repeated int64', 1],
    data_type: ['int32', 2],
    name: ['string', 8],
    raw_data: ['bytes', 9],
    external_data: ['repeated StringStringEntryProto', 13],
    data_location: ['int32', 14],
  },
  StringStringEntryProto: { key: ['string', 1], value: ['string', 2] },
  ValueInfoProto: { name: ['string', 1], type: ['TypeProto', 2] },
  TypeProto: { tensor_type: ['TensorTypeProto', 1] },
  TensorTypeProto: { elem_type: ['int32', 1], shape: ['TensorShapeProto', 2] },
  TensorShapeProto: { dim: ['repeated DimensionProto', 1] },
  DimensionProto: { dim_value: ['int64', 1], dim_param: ['string', 2] },
}

const REPEATED = 'repeated '

/** The outermost message. */
export function modelType(): protobuf.Type {
  const nested = Object.entries(MESSAGES).map(([message, fields]) => [
    message,
    {
      // The syntax of onnx.proto: a zero that was set is written.
      edition: 'proto2',
      fields: Object.fromEntries(
        Object.entries(fields).map(([name, [type, id]]) => [
          name,
          type.startsWith(REPEATED)
            ? { rule: 'repeated', type: type.slice(REPEATED.length), id }
            : { type, id },
        ]),
      ),
    },
  ])
  return protobuf.Root.fromJSON({ nested: Object.fromEntries(nested) }).lookupType('ModelProto')
}

/** The bytes of an `.onnx` file. */
export function encodeModel(model: ModelProto): Uint8Array {
  const type = modelType()
  return type.encode(type.fromObject(model)).finish()
}
