import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// Both make network namespaces.
const scenarios = ['test/scenarios/**/*.test.ts', 'test/harness/**/*.test.ts']
// A real Kubernetes, which test/cluster/main.ts makes.
const cluster = ['test/cluster/**/*.test.ts']

/**
 * Of the cluster's files, these come when all others are done, in this order. The outage of five minutes was begun before
 * everything else, so nobody waits for it; a new root is waited with for whoever is away, so that it comes after.
 */
const last = ['/long-outage.test.ts', '/identity-rotate.test.ts']

class InThatOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => last.findIndex((end) => moduleId.endsWith(end))
    return (await super.sort(files)).sort((one, other) => place(one) - place(other))
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: InThatOrder },
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
