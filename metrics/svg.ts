/**
 * An SVG on white that needs nothing else.
 * @param style attributes of all of it, as `font-size="9"`
 * @param body its elements
 */
export function picture(width: number, height: number, title: string, style: string, body: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ${style}>
<title>${escaped(title)}</title>
<rect width="${width}" height="${height}" fill="#fff"/>
${body}
</svg>
`
}

/** Text as it stands in HTML and XML: what XML has no way to write becomes a replacement character, one for one. */
export function escaped(text: string): string {
  return text.replace(UNWRITABLE, '\uFFFD').replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}

/** Control characters but tab and line breaks (those above \x7E may stand), and two that are no characters. */
const UNWRITABLE = /(?![\t\n\r\x7F-\x9F])\p{Cc}|[\uFFFE\uFFFF]/gu
