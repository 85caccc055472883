import { flagsOf, word } from '../kubernetes/command-line.ts'
import { clusterTarget } from './cluster-target.ts'
import { directoryTarget } from './directory-target.ts'

/** The control plane that a command is about. */
export interface TargetChoice {
  /** The state directory of one machine's control plane; undefined for a cluster. */
  readonly stateDir: string | undefined
  /** A context of the kubeconfig; its current one when undefined. */
  readonly context: string | undefined
  /** Where the control plane of a cluster runs. */
  readonly weftNamespace: string
}

/** The flags, each with a space ahead, by which another command is about the same control plane. */
export function flagsOfTarget({ stateDir, context, weftNamespace }: TargetChoice): string {
  return stateDir
    ? ` --state-dir ${word(stateDir)}`
    : flagsOf({ context, namespace: weftNamespace }, '--weft-namespace')
}

/** Strings by key: what a ConfigMap holds, and the file in its stead on one machine. */
export type Entries = Readonly<Record<string, string>>

/** Where operators ask a control plane for something about identities, and where it says what it did. */
export interface IdentityTarget {
  /** For people: where the requests are. */
  readonly place: string
  /** What is asked for; empty when nothing ever was. */
  requests(): Promise<Entries>
  /** Sets entries, and removes those that are null; others stay. Whoever writes at the same time loses nothing. */
  write(changes: Readonly<Record<string, string | null>>): Promise<void>
  /** What the control plane says it did; empty when it said nothing yet. */
  status(): Promise<Entries>
  /**
   * The control planes that have to obey, by the names that they have in the status: the replicas of a cluster that are
   * ready. Undefined stands for the only one of a machine.
   */
  replicas(): Promise<readonly (string | undefined)[]>
  /** The UID of a pod that is there; undefined when there is none of that name. */
  podUid(namespace: string, pod: string): Promise<string | undefined>
}

/** Opens the target; `command` is for messages. Everything that it does rejects with Failure. */
export function openTarget(command: string, choice: TargetChoice): Promise<IdentityTarget> {
  const { stateDir } = choice
  // A variable that is set to nothing is not set, as for the components.
  return stateDir ? directoryTarget(command, stateDir) : clusterTarget(command, choice)
}
