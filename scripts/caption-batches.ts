import { inBatches } from '../data/batches.js'
import type { PhotoFolder } from '../data/photo-files.js'
import { ahead } from '../decoder/ahead.js'
import type { CaptionRequest } from '../decoder/options.js'
import type { Caption, CaptionedPhoto, Captioner, ImageInput } from '../decoder/types.js'
import { progressBar } from './progress.js'

/** Photos at once. */
const BATCH = 16

/**
 * Captions photos in batches; those of the next batch are decoded while the model works on this one.
 * @param signal lets no other batch begin; what is under way is still given.
 * @returns each photo, in order, with its captions or its error.
 * @throws as `caption` of the captioner.
 */
export async function* captionEach<Photo>(
  captioner: Captioner,
  photos: readonly Photo[],
  imageOf: (photo: Photo) => ImageInput,
  request: CaptionRequest,
  signal?: AbortSignal,
): AsyncGenerator<readonly [Photo, CaptionedPhoto | Error]> {
  const batches = ahead(batchesOf(photos, signal), async (batch) => {
    const results = await captioner.caption(batch.map(imageOf), request)
    return results.map((result, i) => [batch[i]!, result] as const)
  })
  for await (const batch of batches) yield* batch
}

function* batchesOf<Photo>(photos: readonly Photo[], signal?: AbortSignal): Generator<readonly Photo[]> {
  for (const batch of inBatches(photos, BATCH)) {
    if (signal?.aborted) return
    yield batch
  }
}

/**
 * The best caption of each photo of a folder that can be read, with a bar on the error stream.
 * @param what the bar calls the work
 * @param onProblem hears of each photo that cannot be read; it is left out.
 * @throws the signal's reason, and as `caption` of the captioner.
 */
export async function captionsIn<Photo extends { readonly file: string }>(
  folder: PhotoFolder,
  photos: readonly Photo[],
  captioner: Captioner,
  request: CaptionRequest,
  what: string,
  onProblem: (problem: Error, photo: Photo) => void,
  signal?: AbortSignal,
): Promise<{ readonly photo: Photo; readonly caption: Caption }[]> {
  const found: { photo: Photo; caption: Caption }[] = []
  const placeOf = ({ file }: Photo): string => folder.placeOf(file)
  const bar = progressBar(what, photos.length)
  let count = 0
  try {
    for await (const [photo, result] of captionEach(captioner, photos, placeOf, request, signal)) {
      if (result instanceof Error) onProblem(result, photo)
      else found.push({ photo, caption: result.captions[0]! })
      bar.update(++count)
    }
    signal?.throwIfAborted()
    return found
  } finally {
    bar.stop()
  }
}
