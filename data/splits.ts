/**
 * Whether a photo of a set without splits of its own is held out for validation: its number divides by 13. The rule
 * needs no list and stays the same when photos are added.
 */
export function isHeldOut(image: { readonly id: string }): boolean {
  return /^\d+$/.test(image.id) && BigInt(image.id) % 13n === 0n
}
