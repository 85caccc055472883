import { isPodUid } from '#mesh/identity-requests.ts'
import { isDnsLabel, isDnsSubdomain } from '#mesh/spiffe-id.ts'
import { parseDuration } from '#runtime/env.ts'
import { Failure } from '../failure.ts'

export interface NamedPod {
  readonly namespace: string
  readonly pod: string
}

/** The pod that `POD` and `--namespace` mean. Throws Failure for what is no name. */
export function namedPod(command: string, text: string, namespace: string | undefined): NamedPod {
  const [first = '', second, ...rest] = text.split('/')
  const named =
    second === undefined
      ? { namespace: namespace ?? 'default', pod: first }
      : { namespace: first, pod: second }
  if (namespace !== undefined && named.namespace !== namespace) {
    throw usage(command, `${text} is not in the namespace ${namespace}: leave one of them out`)
  }
  if (rest.length > 0 || !isDnsLabel(named.namespace) || !isDnsSubdomain(named.pod)) {
    throw usage(command, `${text} is no pod: write NAME or NAMESPACE/NAME`)
  }
  return named
}

export function checkedUid(command: string, uid: string): string {
  if (isPodUid(uid)) return uid
  throw usage(command, `--uid ${uid}: is no UID of a pod; the log has it where its certificates were issued`)
}

/** Milliseconds. */
export function checkedTimeout(command: string, text: string): number {
  const timeout = parseDuration(text)
  if (timeout !== undefined) return timeout
  throw usage(command, `--timeout ${text}: write a time, e.g. 30s`)
}

function usage(command: string, message: string): Failure {
  return new Failure(`${command}: ${message}`, { status: 2 })
}
