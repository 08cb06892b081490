import { describe, expect, it } from 'vitest'
import { decodeModel } from './fixtures/onnx-model.js'
import { ELEMENT_TYPES, encodeModel, type ModelProto } from './onnx-model.js'

const model: ModelProto = {
  ir_version: 8,
  producer_name: 'showtell',
  opset_import: [{ domain: '', version: 17 }],
  graph: {
    name: 'g',
    node: [
      {
        name: 'n',
        op_type: 'Concat',
        input: ['x', 'w'],
        output: ['y'],
        attribute: [
          { name: 'axis', type: 2, i: 0 },
          { name: 'axes', type: 7, ints: [-1, 300] },
        ],
      },
    ],
    initializer: [
      { name: 'w', dims: [1], data_type: ELEMENT_TYPES.uint8, raw_data: new Uint8Array([255]) },
      {
        name: 'outside',
        dims: [2, 3],
        data_type: ELEMENT_TYPES.float16,
        data_location: 1,
        external_data: [{ key: 'offset', value: '5000000000' }],
      },
    ],
    input: [
      {
        name: 'x',
        type: { tensor_type: { elem_type: 1, shape: { dim: [{ dim_param: 'n' }, { dim_value: 0 }] } } },
      },
    ],
    output: [],
  },
}

describe('the ONNX format', () => {
  it('writes the bytes that the standard asks for', () => {
    const bytes = encodeModel({
      ...model,
      producer_name: 'p',
      graph: {
        name: 'g',
        node: [
          {
            name: 'n',
            op_type: 'F',
            input: ['x'],
            output: ['y'],
            attribute: [{ name: 'axis', type: 2, i: -1 }],
          },
        ],
        initializer: [],
        input: [],
        output: [],
      },
    })
    // Tag = field number · 8 + wire type (0 for integers, 2 for what has a length); strings as bytes.
    const text = (word: string): number[] => [word.length, ...Buffer.from(word)]
    const minusOne = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]
    const attribute = [10, ...text('axis'), 24, ...minusOne, 160, 1, 2]
    const node = [
      10,
      ...text('x'),
      18,
      ...text('y'),
      26,
      ...text('n'),
      34,
      ...text('F'),
      42,
      attribute.length,
      ...attribute,
    ]
    const graph = [10, node.length, ...node, 18, ...text('g')]
    const operators = [10, 0, 16, 17]
    expect([...bytes]).toEqual([
      ...[8, 8],
      ...[18, ...text('p')],
      ...[58, graph.length, ...graph],
      ...[66, operators.length, ...operators],
    ])
  })

  it('reads what it wrote: zeros, negative numbers, offsets beyond 32 bits', () => {
    const read = decodeModel(encodeModel(model))
    expect(read).toMatchObject({ ...model, graph: { ...model.graph, initializer: [{}, {}] } })
    const [inside, outside] = read.graph.initializer
    expect({ ...inside, raw_data: [...inside!.raw_data!] }).toMatchObject({
      ...model.graph.initializer[0],
      raw_data: [255],
    })
    expect(outside).toMatchObject(model.graph.initializer[1]!)
  })
})
