import { defineConfig } from 'vitest/config'

// Both make network namespaces.
const scenarios = ['test/scenarios/**/*.test.ts', 'test/harness/**/*.test.ts']
// A real Kubernetes, which test/cluster/main.ts makes.
const cluster = ['test/cluster/**/*.test.ts']

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: ['**/node_modules/**', ...scenarios, ...cluster],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'scenarios',
          include: scenarios,
          // Each file has a mesh of its own; two at a time would fight over the machine and blur what is measured.
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          globalSetup: ['test/scenarios/setup.ts'],
        },
      },
      {
        test: {
          name: 'cluster',
          include: cluster,
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
          globalSetup: ['test/cluster/setup.ts'],
        },
      },
    ],
  },
})
