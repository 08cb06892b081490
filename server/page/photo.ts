import { DARKNESS, lightOf } from '../../decoder/light.js'

/** Side of the picture that the light is drawn in; it is stretched over the photo. */
const LIGHT = 256

/** A canvas to lie over the photo; the model sees the whole photo as a square, so the light is stretched with it. */
export function lightCanvas(): HTMLCanvasElement {
  const canvas = canvasOf(LIGHT, LIGHT)
  canvas.className = 'light'
  canvas.setAttribute('aria-hidden', 'true')
  return canvas
}

/** Darkens everything but where the model looked. @param row one share a region, row by row. */
export function drawLight(
  canvas: HTMLCanvasElement,
  row: readonly number[],
  [rows, columns]: readonly [number, number],
): void {
  const small = canvasOf(columns, rows)
  const cells = new ImageData(columns, rows)
  for (const [i, light] of lightOf(row).entries())
    cells.data.set([8, 9, 14, Math.round(255 * DARKNESS * (1 - light))], i * 4)
  small.getContext('2d')!.putImageData(cells, 0, 0)
  const context = canvas.getContext('2d')!
  context.clearRect(0, 0, LIGHT, LIGHT)
  context.imageSmoothingQuality = 'high'
  context.drawImage(small, 0, 0, LIGHT, LIGHT)
}

function canvasOf(width: number, height: number): HTMLCanvasElement {
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  return canvas
}
