import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Connection, connect, reasonOf } from '../../cli/kubernetes/connection.ts'
import { oddSource } from '../chart/odd-values.ts'
import { type PolicyCase, policyCases } from '../chart/policies.ts'
import { controlPlaneTakes } from '../chart/takes.ts'

// test/chart/policies.test.ts holds the parser to the same table.
let connection: Connection
beforeAll(async () => {
  connection = await connect({ command: 'the test', context: process.env['WEFT_CLUSTER_CONTEXT'] })
})

describe('the API server takes', () => {
  it.each(policyCases.filter(({ refusal }) => refusal === undefined))('$name', async (policy) => {
    expect(await verdict(policy)).toMatchObject({ status: 201 })
  })
})

describe('the API server refuses, and says why', () => {
  it.each(policyCases.filter(({ refusal }) => refusal !== undefined))('$name', async (policy) => {
    expect(await verdict(policy)).toEqual({
      status: 422,
      message: expect.stringContaining(policy.refusal!) as string,
    })
  })

  it.each([
    [
      'a source',
      { rules: [{ from: [{ namespaces: ['a'], notPrincipal: ['b'] }] }] },
      'rules[0].from[0].notPrincipal',
    ],
    ['a rule', { rules: [{ form: [] }] }, 'rules[0].form'],
    ['the spec', { dryrun: true }, 'dryrun'],
  ])('a slip of the pen in %s', async (_, spec, field) => {
    // As kubectl asks; a client that does not is warned.
    const policy: PolicyCase = { name: '', kind: 'AuthorizationPolicy', spec }
    expect(await verdict(policy)).toEqual({
      status: 400,
      message: expect.stringContaining(`unknown field "spec.${field}"`) as string,
    })
  })
})

it('takes nothing that the control plane would not enforce', async () => {
  await fc.assert(
    fc.asyncProperty(oddSource, async (source) => {
      const kind = 'AuthorizationPolicy'
      const spec = { action: 'Deny', rules: [{ from: [source] }] }
      const taken = (await verdict({ name: '', kind, spec })).status === 201
      expect(taken && !controlPlaneTakes(kind, spec)).toBe(false)
    }),
    { numRuns: 1_000 },
  )
})

async function verdict({ kind, spec }: PolicyCase): Promise<{ status: number; message?: string }> {
  const plural = kind === 'PeerAuthentication' ? 'peerauthentications' : 'authorizationpolicies'
  const path = `/apis/weft.dev/v1alpha1/namespaces/default/${plural}?dryRun=All&fieldValidation=Strict`
  const object = { apiVersion: 'weft.dev/v1alpha1', kind, metadata: { name: 'trial' }, spec }
  const answer = await connection.send('POST', path, object)
  return answer.status < 300
    ? { status: answer.status }
    : { status: answer.status, message: reasonOf(answer) }
}
