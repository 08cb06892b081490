import { z } from 'zod'
import { ATTENTIONS } from './attention.js'
import { CELLS } from './cells.js'
import { CONNECTIONS } from './connections.js'

/** What the config of a model, and the options of a command, say of the cells of a `Stack`. */
export const cellSchema = z
  .enum(Object.keys(CELLS) as [string, ...string[]])
  .describe(`recurrent cell: ${Object.keys(CELLS).join(', ')}`)

/** How the layers of a `Stack` are joined. */
export const connectionSchema = z
  .enum(Object.keys(CONNECTIONS) as [string, ...string[]])
  .default('plain')
  .describe(`how layers are joined: ${Object.keys(CONNECTIONS).join(', ')}`)

/** How a decoder looks at what was seen or read, if it does. */
export const attentionSchema = z
  .enum(['none', ...Object.keys(ATTENTIONS)])
  .describe(`attention of the decoder: none, ${Object.keys(ATTENTIONS).join(', ')}`)
