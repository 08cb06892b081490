export { type CaptionerOptions, loadCaptioner } from './decoder/captioner.js'
export type { CaptionRequest } from './decoder/options.js'
export type {
  Caption,
  CaptionedPhoto,
  Captioner,
  ImageInput,
  ModelDescription,
  ModelEvent,
} from './decoder/types.js'
export type { Engine as CaptionEngine } from './engine/backends.js'
export { type ErrorCode, ShowtellError } from './errors.js'
