import { quote } from '#mesh/policy/schema/written.ts'
import { ports } from '#mesh/ports.ts'
import { Failure } from '../failure.ts'
import { type Connection, connect } from '../kubernetes/connection.ts'
import { type Door, podDoor, urlDoor } from './door.ts'
import { insideNetns } from './netns.ts'
import type { Whereabouts } from './question.ts'

export interface AtSidecar {
  /** The command that asks, for messages. */
  readonly command: string
  /** What the command line needs beside when it is run again in another network namespace. */
  readonly added?: readonly string[]
}

/** Does the work at the door of the sidecar that is meant, wherever it is; answers the exit status. */
export async function atSidecar(
  { admin, netns, pod, context, namespace }: Whereabouts,
  { command, added }: AtSidecar,
  work: (door: Door) => Promise<number>,
): Promise<number> {
  if (pod === undefined) return await insideNetns(netns, () => work(urlDoor(admin)), added)
  const named = /^(?:(?:po|pod|pods)\/)?(?:([a-z0-9-]+)\/)?([a-z0-9.-]+)$/.exec(pod)
  if (!named) throw new Failure(`${command}: --pod is ${quote(pod)}: write NAMESPACE/NAME`, { status: 2 })
  const connection = await connect({ command, context })
  const place = named[1] ?? namespace ?? connection.namespace ?? 'default'
  return await work(doorOf(connection, place, named[2]!))
}

/** The admin endpoint of a pod's sidecar, through the API server. */
export function doorOf(connection: Connection, namespace: string, pod: string): Door {
  return podDoor(`pod ${namespace}/${pod}`, () => connection.openPort({ namespace, pod, port: ports.admin }))
}
