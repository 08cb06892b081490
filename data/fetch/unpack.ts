import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { type Entry, openPromise, type ZipFile } from 'yauzl'
import { expected, messageOf, ShowtellError } from '../../errors.js'

/**
 * Unpacks those members of a zip archive whose whole names match, into one folder, each under its last name.
 * @throws ShowtellError INVALID_DATA for a damaged archive, one that tries to leave the folder, or one without such members
 */
export async function unpackMembers(
  archive: string,
  members: RegExp,
  folder: string,
  options: { readonly signal?: AbortSignal; readonly onMember?: (done: number, total: number) => void } = {},
): Promise<void> {
  const { signal, onMember } = options
  await mkdir(folder, { recursive: true })
  let found = 0
  let seen = 0
  await forEachMember(archive, async (zip, entry) => {
    onMember?.(++seen, zip.entryCount)
    if (!members.test(entry.fileName)) return
    const to = createWriteStream(join(folder, basename(entry.fileName)))
    await pipeline(await zip.openReadStreamPromise(entry), to, { ...(signal && { signal }) })
    found++
  })
  if (found === 0) throw expected(`members ${members}`, archive, 'none', 'INVALID_DATA')
}

/** The bytes of one member of a zip archive. @throws ShowtellError INVALID_DATA where it is damaged or not there */
export async function readMember(archive: string, name: string): Promise<Buffer> {
  let bytes: Buffer | undefined
  await forEachMember(archive, async (zip, entry) => {
    if (entry.fileName === name) bytes = await buffer(await zip.openReadStreamPromise(entry))
  })
  if (bytes === undefined) throw expected(`a member ${name}`, archive, 'none', 'INVALID_DATA')
  return bytes
}

async function forEachMember(
  archive: string,
  visit: (zip: ZipFile, entry: Entry) => Promise<void>,
): Promise<void> {
  try {
    // Checks names too: none may lead out of the folder.
    const zip = await openPromise(archive)
    for await (const entry of zip.eachEntry()) await visit(zip, entry)
  } catch (cause) {
    const { syscall, name } = cause as NodeJS.ErrnoException
    if (syscall !== undefined || name === 'AbortError') throw cause
    throw new ShowtellError(
      'INVALID_DATA',
      `Expected a whole zip archive at ${archive}: ${messageOf(cause)}`,
      {
        where: archive,
        cause,
      },
    )
  }
}
