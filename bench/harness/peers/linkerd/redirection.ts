import { outboundPort, proxyUid } from './environment.ts'
import { inboundPort } from './stand-in/configuration.ts'

/** Linkerd's redirection as `iptables-restore` reads it: all TCP, but the proxy's own and what stays within the pod. */
export const redirection = `*nat
-A PREROUTING -p tcp -j REDIRECT --to-ports ${inboundPort}
-A OUTPUT -p tcp -m owner --uid-owner ${proxyUid} -j RETURN
-A OUTPUT -p tcp -o lo -j RETURN
-A OUTPUT -p tcp -j REDIRECT --to-ports ${outboundPort}
COMMIT
`
