import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expected, ShowtellError } from '../../errors.js'
import { isPhotoName } from '../photo-names.js'
import { checkedCaption, idOf, numberedLines, type Reader, type Report } from './reader.js'

const LINE = /^(?<name>[^\t]+)#(?<number>\d+)\t(?<caption>.*)$/
const LIST = /^Flickr_?\d+k\.(?<split>[a-z]+)Images\.txt$/i

/**
 * The token file of Flickr8k (Hodosh, Young and Hockenmaier 2013) and Flickr30k: `name.jpg#k<TAB>caption`, the splits
 * in lists such as `Flickr_8k.trainImages.txt` beside it. Of photos outside the wanted split only the names are looked at.
 */
export const flickr8k: Reader = {
  title: 'Flickr8k token file',
  recognises({ text }) {
    for (const [, line] of numberedLines(text.slice(0, 10_000))) return LINE.test(line)
    return false
  },

  async read({ path, text }, split, report) {
    const splits = await readSplits(dirname(path), report)
    if (split !== undefined && ![...splits.values()].some((entry) => entry.split === split))
      throw new ShowtellError('NOT_FOUND', `Expected a list Flickr_8k.${split}Images.txt beside ${path}`, {
        where: path,
      })
    const captions = new Map<string, string[]>()
    const ids = new Map<string, string | undefined>()
    const taken = new Set<string>()
    const seen = new Set<string>()
    for (const [number, line] of numberedLines(text)) {
      const where = `${path}:${number}`
      const { name, number: k, caption } = LINE.exec(line)?.groups ?? {}
      if (name === undefined || caption === undefined) {
        report(expected('name.jpg#k, a tab and a caption', where, line, 'INVALID_DATA'))
        continue
      }
      // Of all photos, so that one has the same id whichever split is wanted.
      if (!ids.has(name)) {
        const id = idOf(name, taken)
        if (taken.has(id)) report(expected('an id that no photo before has', where, id, 'INVALID_DATA'))
        ids.set(name, taken.has(id) ? undefined : id)
        taken.add(id)
      }
      if (ids.get(name) === undefined || (split !== undefined && splits.get(name)?.split !== split)) continue
      const key = `${name}#${k}`
      if (!isPhotoName(name)) report(expected('the file name of a photo', where, name, 'INVALID_DATA'))
      else if (seen.has(key)) report(expected('a caption number used once', where, key, 'INVALID_DATA'))
      else {
        seen.add(key)
        const checked = checkedCaption(caption, where, report)
        if (checked === undefined) continue
        const known = captions.get(name)
        if (known === undefined) captions.set(name, [checked])
        else known.push(checked)
      }
    }
    for (const [name, entry] of splits)
      if ((split === undefined || entry.split === split) && !captions.has(name))
        report(expected('a photo with captions', entry.where, name, 'INVALID_DATA'))
    return [...captions].map(([file, texts]) => {
      const known = splits.get(file)
      const image = { id: ids.get(file)!, file, captions: texts }
      return known === undefined ? image : { ...image, split: known.split }
    })
  },
}

/** Photo → its split and where that is written, of all lists in the folder. */
async function readSplits(
  folder: string,
  report: Report,
): Promise<Map<string, { split: string; where: string }>> {
  const splits = new Map<string, { split: string; where: string }>()
  for (const file of (await readdir(folder)).sort()) {
    const split = LIST.exec(file)?.groups?.split
    if (split === undefined) continue
    const path = join(folder, file)
    for (const [number, line] of numberedLines(await readFile(path, 'utf8'))) {
      const where = `${path}:${number}`
      const known = splits.get(line.trim())
      if (known === undefined) splits.set(line.trim(), { split, where })
      else report(expected(`a photo that is not at ${known.where} too`, where, line.trim(), 'INVALID_DATA'))
    }
  }
  return splits
}
