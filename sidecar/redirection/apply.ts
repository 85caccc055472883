import type { Exclusions } from '#mesh/exclusions.ts'
import {
  type Backend,
  covers,
  installedBackends,
  RedirectionError,
  readRules,
  writeRules,
} from './backend.ts'
import { type Family, redirectionRules, removalRules } from './rules.ts'

export interface Applied {
  readonly backend: Backend['kind']
  /** Why backends ahead of it were passed over. */
  readonly passedOver: readonly string[]
}

/**
 * Makes the rules of every named family hold in this network namespace, by the first backend that the kernel takes.
 * Repeating it changes nothing. Throws RedirectionError; a family that failed has its old rules.
 */
export function applyRedirection(families: readonly Family[], exclusions: Exclusions): Applied {
  const passedOver: string[] = []
  for (const backend of installedBackends()) {
    try {
      for (const family of families) applyFamily(backend, family, exclusions)
    } catch (error) {
      if (!(error instanceof RedirectionError) || error.kind === 'forbidden') throw error
      passedOver.push(error.message)
      continue
    }
    removeElsewhere(backend)
    return { backend: backend.kind, passedOver }
  }
  throw new RedirectionError('unsupported', passedOver.join('\n'))
}

/** Removes our rules from every backend and family. Answers how many rule sets there were. Throws RedirectionError. */
export function removeRedirection(): number {
  return installedBackends().reduce((sum, backend) => sum + removeFrom(backend), 0)
}

function applyFamily(backend: Backend, family: Family, exclusions: Exclusions): void {
  if (!covers(backend, family)) {
    const command = backend.commands[family]
    throw new RedirectionError(
      'missing',
      `${command} is not installed, and this pod has ${family === 'ipv6' ? 'IPv6' : 'IPv4'} addresses whose ` +
        `connections would bypass the mesh: install ${command}, or start the pod without such addresses`,
    )
  }
  writeRules(backend, family, redirectionRules(family, exclusions, readRules(backend, family)))
}

/** A second set, left by a run that chose the other backend, would hold beside the new one. */
function removeElsewhere(chosen: Backend): void {
  for (const backend of installedBackends()) if (backend.kind !== chosen.kind) removeFrom(backend)
}

function removeFrom(backend: Backend): number {
  let removed = 0
  for (const family of ['ipv4', 'ipv6'] as const) {
    if (!covers(backend, family)) continue
    const rules = removalRules(rulesIn(backend, family))
    if (rules === undefined) continue
    writeRules(backend, family, rules)
    removed++
  }
  return removed
}

/** What a backend holds: nothing where the kernel has none of it. */
function rulesIn(backend: Backend, family: Family): string {
  try {
    return readRules(backend, family)
  } catch (error) {
    if (error instanceof RedirectionError && error.kind === 'unsupported') return ''
    throw error
  }
}
