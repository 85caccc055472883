import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compilePolicies, type PolicyTarget } from './compile.ts'
import type { PolicyDocument } from './documents.ts'
import { evaluate, workloadPolicies } from './evaluate.ts'
import { facts } from './testing/arbitraries.ts'
import { documentsDecide } from './testing/document-model.ts'
import { meetingPolicies, meetingWorkload } from './testing/meeting-documents.ts'

it('decides of any documents what their text says', () => {
  const seen = { permit: 0, denial: 0 }
  fc.assert(
    fc.property(meetingPolicies, meetingWorkload, facts, (documents, workload, connection) => {
      const decision = decide(documents, workload, connection)
      seen[decision.kind]++
      expect(decision.kind).toBe(documentsDecide(documents, workload, connection))
    }),
    { numRuns: 5_000 },
  )
  expect(Math.min(seen.permit, seen.denial), JSON.stringify(seen)).toBeGreaterThan(500)
})

function decide(
  documents: readonly PolicyDocument[],
  workload: PolicyTarget,
  connection: Parameters<typeof evaluate>[0],
) {
  const { authorizations, policiesFor } = compilePolicies(documents)
  return evaluate(connection, workloadPolicies(policiesFor(workload), authorizations))
}
