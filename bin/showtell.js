#!/usr/bin/env node
import { existsSync } from 'node:fs'

// A package has it, a clone once it is built.
if (!existsSync(new URL('../dist', import.meta.url))) {
  process.stderr.write(
    'Expected dist but there is none; in a clone this makes it: npm ci --ignore-scripts && npm run build\n',
  )
  process.exit(1)
}
await import('../dist/scripts/main.js')
