import { Server } from '@grpc/grpc-js'
import { DestinationService } from '../gen/destination.ts'
import { IdentityService } from '../gen/identity.ts'
import { InboundServerPoliciesService } from '../gen/inbound.ts'
import { OutboundPoliciesService } from '../gen/outbound.ts'
import type { StandInConfiguration } from './configuration.ts'
import { destination } from './destination.ts'
import { identity } from './identity.ts'
import { inboundPolicies } from './inbound-policies.ts'
import { outboundPolicies } from './outbound-policies.ts'

/** Linkerd's control plane as one proxy sees it: every stream says what there is once, and stays open. */
export function standInServer(configuration: StandInConfiguration): Server {
  const server = new Server()
  server.addService(IdentityService, identity(configuration))
  server.addService(DestinationService, destination(configuration))
  server.addService(InboundServerPoliciesService, inboundPolicies(configuration))
  server.addService(OutboundPoliciesService, outboundPolicies)
  return server
}
