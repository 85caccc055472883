import { parse as parseYaml, stringify } from 'yaml'
import { installation } from './install.ts'

export interface Uninstallation {
  readonly namespace: string
  /** Also what users' own data goes with. */
  readonly all: boolean
}

const kept = ['Namespace', 'CustomResourceDefinition']

/**
 * What makes the chart print every object that an installation can have, whatever this one was installed with. PodMonitors are
 * left out: where nobody knows that kind, kubectl delete fails, also with --ignore-not-found.
 */
const everything = ['controlPlane.replicas=2', 'injector.replicas=2', 'admission.reserveUid=true']

/** What is to be deleted, in the opposite order; only what names an object is printed. */
export function uninstallation({ namespace, all }: Uninstallation): string {
  return installation({ namespace, files: [], sets: everything, imageRegistry: undefined })
    .filter(({ kind }) => all || !kept.includes(kind))
    .toReversed()
    .map(({ text }) => {
      const { apiVersion, kind, metadata } = parseYaml(text) as Identified
      const { name, namespace } = metadata
      return `---\n${stringify({ apiVersion, kind, metadata: namespace ? { name, namespace } : { name } })}`
    })
    .join('')
}

interface Identified {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}
