import * as v from 'valibot'
import { knownFields } from '#mesh/policy/schema/known-fields.ts'
import { ipBlock } from '#mesh/policy/schema/network.ts'
import { flag, oneOf, refuse, text } from '#mesh/policy/schema/value.ts'
import { quote } from '#mesh/policy/schema/written.ts'
import { spiffeId } from '#mesh/spiffe-id.ts'
import type { RegistryMesh } from '../../../model/registry-state.ts'
import { listOf } from './fields.ts'

const trustDomain = text((written) =>
  spiffeId(written, 'default', 'default')
    ? written
    : refuse(
        `${quote(written)} is no trust domain; write lower-case letters, digits, . - and _, e.g. cluster.local`,
      ),
)

const networks = v.pipe(
  listOf(ipBlock, 'address ranges such as [10.77.0.0/16]'),
  v.minLength(1, 'is empty; write the ranges that pods and services have their addresses from'),
)

/** The section `mesh`. */
export const mesh = v.pipe(
  knownFields(
    {
      trustDomain: v.optional(trustDomain, 'cluster.local'),
      networks,
      egress: v.optional(oneOf(['passthrough', 'registry-only']), 'passthrough'),
      rejectPlaintextFromMesh: v.optional(flag, false),
      sidecarScope: v.optional(oneOf(['mesh', 'namespace']), 'mesh'),
    },
    { example: { networks: '[10.77.0.0/16]' } },
  ),
  v.transform(
    ({ trustDomain, sidecarScope, ...settings }): RegistryMesh => ({
      settings: { network: '', ...settings },
      trustDomain,
      sidecarScope,
    }),
  ),
)
