import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A release of Kubernetes that the suite can make a cluster of. */
export interface Release {
  /** For example `v1.36.3`. */
  readonly version: string
  /** Name of its file of modules. */
  readonly modules: string
}

/** A Go program of ours, and what is set in it at link time. */
export interface Source {
  readonly name: string
  readonly module: string
  readonly modules: string
  readonly variables: Readonly<Record<string, string>>
}

const root = new URL('..', import.meta.url).pathname

/** The newest minor that runs, or the older one that is asked for, e.g. `1.34`; throws for one that nobody described. */
export function releaseOf(minor: string | undefined): Release {
  const modules = minor === undefined ? 'go.mod' : `go-${minor}.mod`
  const file = join(root, 'kubernetes', modules)
  if (!existsSync(file)) {
    throw new Error(`Kubernetes ${minor} has no ${file}: leave --kubernetes out, or name one that is there`)
  }
  const version = /^\s*k8s\.io\/kubernetes (v\S+)$/m.exec(readFileSync(file, 'utf8'))?.[1]
  if (version === undefined) throw new Error(`${file} requires no k8s.io/kubernetes`)
  return { version, modules }
}

/** Everything that a cluster needs and no package of the machine has. */
export function sources({ version, modules }: Release): Source[] {
  const [major, minor] = version.slice(1).split('.')
  const stamp = 'k8s.io/component-base/version'
  return [
    {
      name: 'kubernetes',
      module: join(root, 'kubernetes'),
      modules,
      variables: {
        [`${stamp}.gitVersion`]: version,
        [`${stamp}.gitMajor`]: major!,
        [`${stamp}.gitMinor`]: minor!,
      },
    },
    { name: 'coredns', module: join(root, 'coredns'), modules: 'go.mod', variables: {} },
    { name: 'pause', module: join(root, 'pause'), modules: 'go.mod', variables: {} },
  ]
}
