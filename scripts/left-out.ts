/** Says on the error stream what cannot be used; the work goes on without it. */
export function leftOut({ message }: Error): void {
  process.stderr.write(`left out: ${message}\n`)
}
