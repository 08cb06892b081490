/** Files with these endings are taken for photos, in any case; what they are is found out from their content. */
export const PHOTO_ENDINGS: readonly string[] = ['jpg', 'jpeg', 'png', 'webp', 'avif', 'gif', 'heic', 'heif']

const ENDING = new RegExp(`\\.(${PHOTO_ENDINGS.join('|')})$`, 'i')

export function isPhotoName(name: string): boolean {
  return ENDING.test(name)
}
