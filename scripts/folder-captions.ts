import type { PhotoFolder } from '../data/photo-files.js'
import type { CaptionRequest } from '../decoder/options.js'
import type { Caption, Captioner } from '../decoder/types.js'
import { progressBar } from './progress.js'

/** Photos at once. */
const BATCH = 16

/**
 * The best caption of each photo of a folder that can be read, with a bar on the error stream.
 * @param what the bar calls the work
 * @param onProblem hears of each photo that cannot be read; it is left out.
 * @throws the signal's reason, and as `caption` of the captioner.
 */
export async function captionsIn<P extends { readonly file: string }>(
  folder: PhotoFolder,
  photos: readonly P[],
  captioner: Captioner,
  request: CaptionRequest,
  what: string,
  onProblem: (problem: Error, photo: P) => void,
  signal?: AbortSignal,
): Promise<{ readonly photo: P; readonly caption: Caption }[]> {
  const found: { photo: P; caption: Caption }[] = []
  const bar = progressBar(what, photos.length)
  try {
    for (let from = 0; from < photos.length; from += BATCH) {
      signal?.throwIfAborted()
      const batch = photos.slice(from, from + BATCH)
      const files = batch.map(({ file }) => folder.placeOf(file))
      for (const [i, result] of (await captioner.caption(files, request)).entries())
        if (result instanceof Error) onProblem(result, batch[i]!)
        else found.push({ photo: batch[i]!, caption: result.captions[0]! })
      bar.update(from + batch.length)
    }
    return found
  } finally {
    bar.stop()
  }
}
