import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// Both make network namespaces.
const scenarios = ['test/scenarios/**/*.test.ts', 'test/harness/**/*.test.ts']
// A real Kubernetes, which test/cluster/main.ts makes.
const cluster = ['test/cluster/**/*.test.ts']

/** The outage of five minutes was begun before everything else, and is looked at when everything else is done. */
class LongOutageLast extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLast = ({ moduleId }: TestSpecification) => moduleId.endsWith('/long-outage.test.ts')
    return [...sorted.filter((file) => !isLast(file)), ...sorted.filter(isLast)]
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongOutageLast },
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
