import type { BundleContent } from './bundle.js'

/** The model card of a bundle, Markdown: what it is, what it learnt from, how well it does, where it fails. */
export function modelCard({ config, vocabulary }: Pick<BundleContent, 'config' | 'vocabulary'>): string {
  const { encoder, decoder, training } = config
  const rows = Object.entries(training).map(([name, value]) => `| ${name} | ${cell(value)} |`)
  return `# ${config.name}

Captions photos in English. Made by [showtell](https://www.npmjs.com/package/showtell).

| | |
|---|---|
| encoder | ${encoder.name} (${encoder.source}) |
| decoder | ${decoder.cell}, ${decoder.units} units, attention ${decoder.attention} over ${decoder.regions} regions |
| vocabulary | ${vocabulary.size} tokens, styles ${vocabulary.styles.join(', ')}; default ${config.defaultStyle} |
| confidence | ${config.confidence?.calibration ?? 'not calibrated'} |

## Training

| | |
|---|---|
${rows.join('\n')}

## Terms

${config.terms ?? 'None were stated when it was made.'}

## Limits

It names what is common in its training photos and guesses the rest: rare objects, text, numbers, relations and people's
roles are often wrong. It learnt from captions that people wrote about photos of others, with their assumptions, the
gender of people among them. Do not use it to identify people or where a wrong caption does harm.
`
}

function cell(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number'
    ? String(value)
    : `\`${JSON.stringify(value)}\``
}
