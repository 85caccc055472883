import type { InboundServerPoliciesServer, ProxyProtocol } from '../gen/inbound.ts'
import type { StandInConfiguration } from './configuration.ts'

/** The same policy for every port: only the client's proxy is admitted, and only by its certificate. */
export function inboundPolicies({
  clientIdentity,
  httpPorts,
}: StandInConfiguration): InboundServerPoliciesServer {
  const clients = { identities: [{ name: clientIdentity }] }
  const authorization = {
    networks: [{ net: { ip: { ip: { $case: 'ipv4', value: 0 } }, prefixLen: 0 } }],
    authentication: {
      permit: { $case: 'meshTLS', value: { clients: { $case: 'identities', value: clients } } },
    },
    metadata: { kind: { $case: 'default', value: 'bench' } },
  } as const
  return {
    watchPort(call) {
      call.write({
        protocol: httpPorts.includes(call.request.port) ? detected : opaque,
        authorizations: [{ ...authorization, networks: [...authorization.networks] }],
        labels: new Map([
          ['group', ''],
          ['kind', 'default'],
          ['name', 'bench'],
        ]),
      })
    },
  }
}

const opaque: ProxyProtocol = { kind: { $case: 'opaque', value: {} } }
const detected: ProxyProtocol = {
  kind: { $case: 'detect', value: { timeout: { seconds: 10, nanos: 0 } } },
}
