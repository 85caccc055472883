import { status } from '@grpc/grpc-js'
import type { OutboundPoliciesServer } from '../gen/outbound.ts'

/** No destination has a policy, as for a pod dialled by its own address: the proxy goes by its profile. */
export const outboundPolicies: OutboundPoliciesServer = {
  watch(call) {
    call.emit('error', { code: status.NOT_FOUND, details: 'no policy' })
  },
}
