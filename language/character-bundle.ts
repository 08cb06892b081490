import { OnnxOps } from '../engine/onnx.js'
import { after, OnnxGraph } from '../engine/onnx-graph.js'
import type { SafetensorsFile } from '../engine/safetensors.js'
import { expected } from '../errors.js'
import { type LanguageBundle, readLanguageBundle, writeLanguageBundle } from './bundle.js'
import { CharacterModel, characterConfigSchema } from './character-model.js'
import { Characters, charactersSchema } from './characters.js'

const KIND = 'characters'
export const STEP_GRAPH = 'step.onnx'

const modelSchema = characterConfigSchema.extend({ characters: charactersSchema })

/** A character model on disk, verified. */
export interface CharacterBundle extends LanguageBundle<CharacterModel> {
  readonly characters: Characters
}

/** @throws ShowtellError INVALID_ARGUMENT or NUMERIC naming a weight that does not fit. */
export async function writeCharacterBundle(
  path: string,
  content: Pick<CharacterBundle, 'model' | 'characters' | 'training'> & {
    readonly weights: Readonly<Record<string, Float32Array>>
  },
): Promise<void> {
  const { model, characters, weights, training } = content
  await writeLanguageBundle(path, {
    kind: KIND,
    model: { ...model.config, characters: characters.list },
    training,
    parameters: model.parameters,
    weights,
    graphs: (stored, file) => ({ [STEP_GRAPH]: exportStep(model, stored, file) }),
  })
}

/** @throws ShowtellError NOT_FOUND, INVALID_BUNDLE. */
export async function readCharacterBundle(place: string): Promise<CharacterBundle> {
  const bundle = await readLanguageBundle(
    place,
    KIND,
    modelSchema,
    ({ characters: _, ...config }) => new CharacterModel(config),
  )
  const { characters, vocabularySize } = bundle.config
  if (characters.length !== vocabularySize)
    throw expected(`${vocabularySize} characters`, bundle.path, characters.length, 'INVALID_BUNDLE')
  return { ...bundle, characters: new Characters(characters) }
}

/**
 * One step as an ONNX graph: `tokens` int32 [rows, 1] and the states [rows, 1, size] → `logProbs` [rows, 1, vocabulary]
 * and the states after.
 */
function exportStep(model: CharacterModel, weights: SafetensorsFile, file: string): Uint8Array {
  const graph = new OnnxGraph('step')
  const ops = new OnnxOps(graph)
  const sizes = ['rows', 1, model.stateSize] as const
  const tokens = graph.input('tokens', 'int32', ['rows', 1])
  const before = Object.fromEntries(model.states.map((name) => [name, graph.input(name, 'float32', sizes)]))
  const { logProbs, state } = model.step(ops, graph.weights(weights, file), tokens, before)
  graph.output('logProbs', logProbs, ['rows', 1, model.config.vocabularySize])
  for (const name of model.states) graph.output(after(name), state[name]!, sizes)
  return graph.encode()
}
