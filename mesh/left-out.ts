import { injectKey } from './annotations.ts'
import { type LabelSelector, selects } from './label-selector.ts'

/** What of a pod decides whether it is to have a sidecar. */
export interface Candidate {
  readonly hostNetwork: boolean
  /** Whether it can only run on Windows. */
  readonly forWindows: boolean
  /** What it says itself about being injected; undefined when it says nothing. */
  readonly asks: 'in' | 'out' | undefined
  readonly meshed: boolean
}

export interface CandidateNamespace {
  /** Its label says that its pods are to be meshed. */
  readonly injected: boolean
  /** Its pods are never injected. */
  readonly excluded: boolean
}

/** Whether a pod should have a sidecar and has none. */
export function isLeftOut(
  { hostNetwork, forWindows, asks, meshed }: Candidate,
  { injected, excluded }: CandidateNamespace,
): boolean {
  if (meshed || hostNetwork || forWindows || excluded) return false
  return asks === 'in' || (injected && asks !== 'out')
}

/** Who never injects where. */
export interface Injector {
  /** The mesh's own namespace. */
  readonly namespace: string
  /** Of what namespaces the API server asks it about pods; none where that is not known. */
  readonly selectors: readonly LabelSelector[]
}

/** Whether pods of a namespace are never injected, whatever it or they are labelled. */
export function isExcluded(
  { name, labels }: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
  { namespace, selectors }: Injector,
): boolean {
  // The injector itself leaves these alone, also where it is asked.
  if (name === namespace || name === 'kube-system') return true
  return selectors.length > 0 && !selectors.some((selector) => selects(whateverIsAskedFor(selector), labels))
}

/** Without what tells labelled namespaces from the others, which is what the two webhooks differ by. */
function whateverIsAskedFor({ matchLabels, matchExpressions }: LabelSelector): LabelSelector {
  return {
    matchLabels: Object.fromEntries(Object.entries(matchLabels).filter(([key]) => key !== injectKey)),
    matchExpressions: matchExpressions.filter(({ key }) => key !== injectKey),
  }
}
