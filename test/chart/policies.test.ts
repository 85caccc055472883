import { describe, expect, it } from 'vitest'
import { policyCases } from './policies.ts'
import { controlPlaneTakes } from './takes.ts'

// test/cluster/crd.test.ts asks a real API server about the same table.
describe('the control plane takes what the API server takes, and refuses what it refuses', () => {
  it.each(policyCases.filter(({ apart }) => apart === undefined))('$name', ({ kind, spec, refusal }) => {
    expect(controlPlaneTakes(kind, spec)).toBe(refusal === undefined)
  })
})

describe('but for', () => {
  it.each(policyCases.filter(({ apart }) => apart !== undefined))(
    '$name, $apart',
    ({ kind, spec, refusal }) => {
      expect(controlPlaneTakes(kind, spec)).toBe(refusal !== undefined)
    },
  )
})
