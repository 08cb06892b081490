import { rename, writeFile } from 'node:fs/promises'

/** Writes a file aside and renames it: a kill leaves it as it was or as it is to be, and the next writer uses what lies aside. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.part`, text)
  await rename(`${path}.part`, path)
}
