import { type Cidr, networkOf } from '#mesh/address.ts'
import { type Kept, type Kind, kept, type RawObject } from '../list-watch/kind.ts'

export interface ServiceCidr extends Kept {
  readonly cidrs: readonly Cidr[]
}

/** The ranges of virtual addresses; an object since Kubernetes 1.33. */
export const serviceCidrs: Kind<ServiceCidr> = {
  name: 'servicecidrs',
  path: '/apis/networking.k8s.io/v1/servicecidrs',
  optional: true,
  trim(object) {
    const { spec } = object as RawServiceCidr
    return { ...kept(object), cidrs: (spec?.cidrs ?? []).flatMap((cidr) => networkOf(cidr) ?? []) }
  },
}

interface RawServiceCidr extends RawObject {
  readonly spec?: { readonly cidrs?: readonly string[] }
}
