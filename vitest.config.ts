import { defineConfig } from 'vitest/config'

const ignored = ['**/node_modules/**', '**/dist/**']

export default defineConfig({
  test: {
    globalSetup: 'scripts/fixtures/compiled.ts',
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: ignored,
          testTimeout: 600_000,
          hookTimeout: 300_000,
        },
      },
      // Over the data sets, the full fixtures and the reference implementations; see CONTRIBUTING.md.
      {
        test: {
          name: 'data',
          include: ['**/*.data.ts'],
          exclude: ignored,
          testTimeout: 1_200_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
})
