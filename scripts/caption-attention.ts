import { basename, dirname, relative, resolve, sep } from 'node:path'
import { checkNames } from '../data/photo-files.js'
import { DARKNESS, lightOf } from '../decoder/light.js'
import type { Caption, ModelDescription } from '../decoder/types.js'
import { type Thumbnail, thumbnailOf } from '../encoder/image.js'
import { escaped, picture } from '../metrics/svg.js'
import { makePlace, writeWhole } from './whole-file.js'

/** Longer side of a panel, pixels. */
const SIDE = 240
const GAP = 12
const COLUMNS = 5
const TITLE = 40
const LABEL = 30

/**
 * What the picture of each photo is called in the folder of pictures: `x.jpg.svg`, and where several are called `x.jpg`,
 * `a/x.jpg.svg`, by the folder that all photos have in common.
 */
export function picturesOf(photos: readonly string[]): (photo: string) => string {
  const alike = new Map<string, number>()
  let common = dirname(resolve(photos[0] ?? ''))
  for (const photo of photos) {
    alike.set(basename(photo), (alike.get(basename(photo)) ?? 0) + 1)
    while (relative(common, resolve(photo)).startsWith(`..${sep}`)) common = dirname(common)
  }
  return (photo) => {
    const name = basename(photo)
    // On another drive of Windows it is absolute, and its letter is a folder.
    const apart = (): string => relative(common, resolve(photo)).replace(/^([A-Z]):\\/i, '$1\\')
    return `${alike.get(name) === 1 ? name : apart()}.svg`
  }
}

/**
 * Where the pictures of a run before lie is not known any more, but they are called as their photos.
 * @throws ShowtellError INVALID_ARGUMENT naming one of its photos and one of these that are called the same.
 */
export function checkPictures(before: readonly string[], photos: readonly string[]): void {
  const apart = [before, photos].flatMap((files) => [
    ...new Map(files.map((file) => [basename(file), file])).values(),
  ])
  checkNames(apart, (file) => basename(file), '--attention')
}

type Looking = Pick<ModelDescription, 'grid' | 'calibrated'>

/** Writes the picture of a photo. @param where the name of the photo in errors. @throws ShowtellError as `thumbnailOf`. */
export async function drawAttention(
  path: string,
  image: string | Uint8Array,
  where: string,
  caption: Caption,
  model: Looking,
): Promise<void> {
  const thumbnail = await thumbnailOf(image, 2 * SIDE, where)
  await makePlace(path)
  await writeWhole(path, attentionPicture(thumbnail, caption, model))
}

/**
 * The photo, and again for each word, light where the model looked when it said the word, as in the figures of Xu et
 * al. 2015 (Show, Attend and Tell). An SVG that holds all it shows.
 * @param model whose caption it is; the confidence stands beside the caption where it is calibrated.
 */
export function attentionPicture(
  { jpeg, width, height }: Thumbnail,
  { text, tokens, confidence, attention = [] }: Caption,
  { grid, calibrated }: Looking,
): string {
  const scale = SIDE / Math.max(width, height)
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)]
  const panels = ['', ...tokens].map((word, i) => {
    const x = GAP + (i % COLUMNS) * (w + GAP)
    const y = TITLE + Math.floor(i / COLUMNS) * (h + LABEL)
    const darkness = i === 0 ? '' : shade(`looked-${i}`, attention[i - 1]!, grid, [w, h])
    const label = `<text x="${w / 2}" y="${h + 20}" text-anchor="middle">${escaped(word)}</text>`
    return `<g transform="translate(${x} ${y})"><g clip-path="url(#frame)"><use href="#photo"/>${darkness}</g>${label}</g>`
  })
  const across = GAP + Math.min(COLUMNS, panels.length) * (w + GAP)
  const down = TITLE + Math.ceil(panels.length / COLUMNS) * (h + LABEL) + GAP
  const [blurX, blurY] = [w / grid[1] / 3, h / grid[0] / 3].map(digits)
  const sure = calibrated ? ` <tspan fill="#666" font-size="15">${confidence.toFixed(2)}</tspan>` : ''
  const body = `<defs>
<image id="photo" width="${w}" height="${h}" preserveAspectRatio="none" href="data:image/jpeg;base64,${Buffer.from(jpeg).toString('base64')}"/>
<clipPath id="frame"><rect width="${w}" height="${h}"/></clipPath>
<filter id="soft"><feGaussianBlur stdDeviation="${blurX} ${blurY}"/></filter>
</defs>
<text x="${GAP}" y="27" font-size="20">${escaped(text)}${sure}</text>
${panels.join('\n')}`
  return picture(across, down, text, 'font-family="sans-serif" font-size="16"', body)
}

/** Darkness over a panel, thinner where the model looked more. */
function shade(
  id: string,
  row: readonly number[],
  [rows, columns]: readonly [number, number],
  [width, height]: readonly [number, number],
): string {
  // Regions at the edge reach beyond it, or the blur would let darkness in.
  const span = (i: number, count: number, length: number): [number, number] => {
    const from = i === 0 ? -1 : i
    const to = i === count - 1 ? count + 1 : i + 1
    return [(from * length) / count, ((to - from) * length) / count]
  }
  const holes = lightOf(row).map((light, i) => {
    const [x, w] = span(i % columns, columns, width).map(digits)
    const [y, h] = span(Math.floor(i / columns), rows, height).map(digits)
    return `<rect x="${x}" y="${y}" width="${w}" height="${h}" opacity="${digits(light)}"/>`
  })
  const whole = `width="${width}" height="${height}"`
  const mask = `<mask id="${id}"><rect ${whole} fill="#fff"/><g filter="url(#soft)">${holes.join('')}</g></mask>`
  return `${mask}<rect ${whole} opacity="${DARKNESS}" mask="url(#${id})"/>`
}

function digits(value: number): string {
  return String(Math.round(value * 100) / 100)
}
