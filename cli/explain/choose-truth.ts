import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Failure } from '../failure.ts'

/** Where the facts come from that an answer is made of. */
export type Truth =
  | { readonly kind: 'file'; readonly file: string }
  /** `unasked` when nobody said that it should be the cluster. */
  | { readonly kind: 'cluster'; readonly unasked: boolean }

export interface TruthOptions {
  readonly registry: string
  /** The file that is taken when it is there and nobody says what to take. */
  readonly defaultFile: string
  /** Who named the file: the command line, the environment, or nobody. */
  readonly registryFrom: string | undefined
  readonly cluster?: boolean
  readonly context?: string
}

/** What is named, the command line before the environment; else the file if it is there, else the cluster if one is known. */
export function chooseTruth(
  { registry, registryFrom, defaultFile, cluster = false, context }: TruthOptions,
  env: NodeJS.ProcessEnv = process.env,
): Truth {
  if (cluster || context !== undefined) {
    if (registryFrom !== 'cli') return { kind: 'cluster', unasked: false }
    const flag = cluster ? '--cluster' : '--context'
    throw new Failure(`weft explain: --registry and ${flag} are about different meshes: write one of them`, {
      status: 2,
    })
  }
  // A variable that is set to nothing is not set, as for the components.
  const named = registryFrom !== 'default' && registry !== ''
  if (named || existsSync(defaultFile) || !hasKubeconfig(env)) {
    return { kind: 'file', file: named ? registry : defaultFile }
  }
  return { kind: 'cluster', unasked: true }
}

function hasKubeconfig({ KUBECONFIG }: NodeJS.ProcessEnv): boolean {
  return KUBECONFIG ? true : existsSync(join(homedir(), '.kube', 'config'))
}
