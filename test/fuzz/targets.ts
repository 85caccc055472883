import type { Target } from './target.ts'
import { authorityTargets } from './targets/authority.ts'
import { configurationTargets } from './targets/configuration.ts'
import { nameTargets } from './targets/names.ts'
import { pluggedCaTargets } from './targets/plugged-ca.ts'
import { tunnelTargets } from './targets/tunnel.ts'

/** Every decoder that faces the network, and those that take what somebody else exported. */
export const targets: readonly Target[] = [
  ...tunnelTargets,
  ...nameTargets,
  ...configurationTargets,
  ...authorityTargets,
  ...pluggedCaTargets,
]
