#!/usr/bin/env node
await import('../dist/scripts/main.js')
