import { COCO_SUBSET } from './coco-subset.js'
import type { RemoteFile } from './download.js'

/** An archive, and what of it is kept. */
export interface Archive extends RemoteFile {
  /** The file or folder that it becomes. */
  readonly becomes: string
  /** Members that are kept, by their whole names: into a folder, or, of a COCO captions file, those of `images`. */
  readonly keep: RegExp | { readonly captions: string; readonly images: readonly number[] }
}

/** A data set as its hosts give it. */
export interface Source {
  readonly title: string
  /** What the user may do with it, for the user. */
  readonly terms: string
  readonly archives: readonly Archive[]
  /** Single files that are kept as they come, by the path they get. */
  readonly files: Readonly<Record<string, RemoteFile>>
  /** Where the captions are then; the photos are in `photos`. */
  readonly captions: string
}

const COCO = 'http://images.cocodataset.org'
/** The university's own server, where the data set was published, is gone; everybody fetches it from here since. */
const FLICKR8K = 'https://github.com/jbrownlee/Datasets/releases/download/Flickr8k'
const TORCH_FOR_R = 'torchvision for R, dataset-flickr.R'

/**
 * What `showtell fetch` fetches. Nobody publishes sums of COCO's single photos: theirs are written down when they first
 * come, and hold from then on.
 */
export const SOURCES = Object.freeze({
  'coco-subset': {
    title: '500 photos of COCO with what five people and more said of each',
    terms: 'captions: CC BY 4.0, COCO Consortium; photos: the terms of each are in captions.json (licenses)',
    archives: [
      {
        url: `${COCO}/annotations/annotations_trainval2014.zip`,
        bytes: 252_872_794,
        sum: {
          algorithm: 'sha256',
          value: '031296bbc80c45a1d1f76bf9a90ead27e94e99ec629208449507a4917a3bf009',
          from: 'TensorFlow Datasets, url_checksums/coco.txt',
        },
        becomes: 'captions.json',
        keep: { captions: 'annotations/captions_val2014.json', images: COCO_SUBSET },
      },
    ],
    files: Object.fromEntries(
      COCO_SUBSET.map((id) => {
        const name = `COCO_val2014_${String(id).padStart(12, '0')}.jpg`
        return [`photos/${name}`, { url: `${COCO}/val2014/${name}` }]
      }),
    ),
    captions: 'captions.json',
  },
  flickr8k: {
    title: '8,091 photos of Flickr, five captions each',
    terms: 'research and teaching only; the rights to the photos stay with those who took them',
    archives: [
      {
        url: `${FLICKR8K}/Flickr8k_text.zip`,
        sum: { algorithm: 'md5', value: 'bf6c1abcb8e4a833b7f922104de18627', from: TORCH_FOR_R },
        becomes: 'text',
        keep: /^[^/]+\.txt$/,
      },
      {
        url: `${FLICKR8K}/Flickr8k_Dataset.zip`,
        sum: { algorithm: 'md5', value: 'f18a1e2920de5bd84dae7cf08ec78978', from: TORCH_FOR_R },
        becomes: 'photos',
        keep: /^Flicker8k_Dataset\/[^/]+\.jpg$/,
      },
    ],
    files: {},
    captions: 'text/Flickr8k.token.txt',
  },
}) satisfies Readonly<Record<string, Source>>

export type SourceName = keyof typeof SOURCES
