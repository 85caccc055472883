import type { ProbeTable } from '#mesh/probes.ts'
import type { Options } from '../decide/options.ts'
import type { Presence } from '../decide/presence.ts'
import type { Pod } from '../pod.ts'
import type { Settings } from '../settings.ts'
import { initContainer } from './init-container.ts'
import { append, type Operation, pointer, prepend } from './operation.ts'
import { probesVariable, probeVariables, proxyContainer } from './proxy-container.ts'
import { rewriteProbes } from './rewrite-probes.ts'
import { volumes } from './volumes.ts'

export interface Patch {
  readonly operations: readonly Operation[]
  readonly warnings: readonly string[]
}

export interface PatchInput {
  readonly options: Options
  readonly presence: Presence & { kind: 'absent' | 'present' }
  readonly settings: Settings
  /** Makes 128 random bits in hexadecimal; asked only for a pod that has none yet. */
  readonly createNonce: () => string
}

/** What makes an injected pod of this one; nothing for a pod that is one already. */
export function patch(pod: Pod, { options, presence, settings, createNonce }: PatchInput): Patch {
  // Probes first: their paths are those of the list before anything is put ahead of it.
  const { operations, table, warnings } = rewriteProbes(pod, createNonce)
  const rest =
    presence.kind === 'absent'
      ? additions(pod, initContainer(options, settings), proxyContainer(pod, options, settings, table))
      : [...(operations.length > 0 ? newTable(pod, presence.proxy, table) : []), ...toFront(presence)]
  return { operations: [...operations, ...rest], warnings }
}

const initContainers = pointer('spec', 'initContainers')

function additions({ spec }: Pod, ...containers: readonly unknown[]): Operation[] {
  return [
    ...prepend(spec.initContainers, initContainers, containers),
    ...append(spec.volumes, pointer('spec', 'volumes'), volumes),
  ]
}

/** A container that came after the first review brought probes of its own. */
function newTable({ spec }: Pod, proxy: number, table: ProbeTable | undefined): Operation[] {
  const variables = spec.initContainers?.[proxy]?.env
  const path = `${initContainers}/${proxy}/env`
  const index = (variables ?? []).findIndex(({ name }) => name === probesVariable)
  const [variable] = probeVariables(table)
  if (!variable) return []
  return index < 0
    ? append(variables, path, [variable])
    : [{ op: 'replace', path: `${path}/${index}`, value: variable }]
}

/** Another webhook may have put its init container ahead of ours; it would run outside the mesh. */
function toFront({ init, proxy }: { readonly init: number; readonly proxy: number }): Operation[] {
  // Putting init to the front moves every container that was ahead of it back by one.
  const shifted = proxy < init ? proxy + 1 : proxy
  return [...(init === 0 ? [] : [move(init, 0)]), ...(shifted === 1 ? [] : [move(shifted, 1)])]
}

function move(from: number, to: number): Operation {
  return { op: 'move', from: `${initContainers}/${from}`, path: `${initContainers}/${to}` }
}
