import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import jsonPatch from 'fast-json-patch'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments, stringify } from 'yaml'
import { type Namespace, namespaceOf } from './decide/namespace.ts'
import type { Outcome } from './inject.ts'
import { applyOperations } from './offline/apply.ts'
import { reviewed, shop } from './testing/injecting.ts'

interface Case {
  readonly pod: unknown
  readonly namespace: Namespace
}

interface Written {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Record<string, string> }
}

/** Reads a pod, and the namespace ahead of it where the file has one; without, it is one to be injected. */
function readCase(file: string): Case {
  const documents = parseAllDocuments(readFileSync(file, 'utf8')).map(
    (document) => document.toJS() as Written,
  )
  const written = documents.find(({ kind }) => kind === 'Namespace')
  const namespace = written ? namespaceOf(written.metadata.name, written.metadata.labels ?? {}) : shop
  return { pod: documents.find(({ kind }) => kind === 'Pod'), namespace }
}

/** By a library that knows RFC 6902 and nothing of ours. */
function apply(pod: unknown, outcome: Outcome): unknown {
  if (outcome.kind !== 'injected') return pod
  const operations = structuredClone(outcome.operations) as jsonPatch.Operation[]
  return jsonPatch.applyPatch(structuredClone(pod), operations, true).newDocument
}

const files = globSync(`${import.meta.dirname}/testdata/*.yaml`).filter(
  (file) => !file.endsWith('.golden.yaml'),
)

describe.each(files.map((file) => [basename(file, '.yaml'), file] as const))('%s', (name, file) => {
  const read = readCase(file)
  const outcome = reviewed(read.pod, read.namespace)
  const injected = apply(read.pod, outcome)

  it('becomes what its golden file says', async () => {
    const { kind, warnings } = outcome
    const shown = {
      outcome: kind,
      ...(outcome.kind === 'skipped' && { reason: outcome.reason }),
      ...(outcome.kind === 'refused' && { cause: outcome.cause, message: outcome.message }),
      ...(warnings.length > 0 && { warnings }),
      ...(outcome.kind === 'injected' && {
        operations: outcome.operations.map(({ op, path }) => `${op} ${path}`),
        pod: injected,
      }),
    }
    const text = stringify(shown, { lineWidth: 0, aliasDuplicateObjects: false })
    await expect(text).toMatchFileSnapshot(`testdata/${name}.golden.yaml`)
  })

  it('is the same after a second review, nonce included', () => {
    const again = reviewed(injected, read.namespace, { createNonce: () => 'f'.repeat(32) })
    if (outcome.kind !== 'injected') return expect(again).toEqual(outcome)
    expect(again).toMatchObject({ kind: 'injected', operations: [] })
  })

  it('becomes the same on the command line', () => {
    if (outcome.kind !== 'injected') return
    expect(applyOperations(read.pod, outcome.operations)).toEqual(injected)
  })

  it('tells nothing that the API server would cut', () => {
    for (const warning of outcome.warnings) expect(warning.length).toBeLessThanOrEqual(256)
  })
})
