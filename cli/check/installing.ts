import { flagsOf } from '../kubernetes/command-line.ts'
import type { Facts } from './facts.ts'

type Installed = Pick<Facts, 'namespace' | 'deployments' | 'webhooks'>

/** What to do about a weft that is not there, or not as it should be. */
export function installing(
  facts: Installed,
  what: string,
  flags = '',
): { readonly remedy: string; readonly commands: readonly string[] } {
  const again =
    '; ... are the flags and files that weft was installed with: what is left out goes back to its default'
  return { remedy: isInstalled(facts) ? what + again : what, commands: [installCommand(facts, flags)] }
}

/**
 * The command line that installs weft. Where it is installed already, `...` stands for what nobody but who installed it
 * knows; weft install refuses it, so that a line that is pasted as it is resets nothing.
 */
export function installCommand(facts: Installed, flags = ''): string {
  // It prints, and asks no cluster: there is no context for it.
  const place = flagsOf({ context: undefined, namespace: facts.namespace })
  return `weft install${place}${flags}${isInstalled(facts) ? ' ...' : ''} | kubectl apply -f -`
}

/** What cannot be seen may be there. */
function isInstalled({ deployments, webhooks }: Installed): boolean {
  if (deployments.kind === 'hidden' || webhooks.kind === 'hidden') return true
  const names = deployments.kind === 'seen' ? deployments.value.map(({ name }) => name) : []
  return webhooks.kind === 'seen' || names.includes('weft-control-plane') || names.includes('weft-injector')
}
