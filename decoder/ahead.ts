/**
 * What `make` gives of each item, in order; the next is begun while one is used, and no more than that. It is over only
 * when nothing is being made any more, also where whoever takes the results stops early.
 */
export async function* ahead<Item, Result>(
  items: Iterable<Item>,
  make: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  let next: Promise<Result> | undefined
  try {
    for (const item of items) {
      const before = next
      next = make(item)
      // Whoever awaits it hears of a failure; until then it is nobody's fault.
      next.catch(() => {})
      if (before !== undefined) yield await before
    }
    if (next !== undefined) yield await next
  } finally {
    await next?.catch(() => {})
  }
}
