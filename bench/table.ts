/** A table that reads well on a screen and is one in Markdown. */
export function table([head, ...rows]: readonly (readonly string[])[]): string {
  const widths = head!.map((_, column) =>
    Math.max(...[head!, ...rows].map((cells) => cells[column]!.length), 4),
  )
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padStart(widths[i]!)).join(' | ')} |`
  const rule = `|${widths.map((width) => `${'-'.repeat(width + 1)}:`).join('|')}|`
  return [line(head!), rule, ...rows.map(line)].join('\n')
}
