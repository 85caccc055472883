import { status } from '@grpc/grpc-js'
import { ipToBytes, parseSocketAddress, type SocketAddress } from '#mesh/address.ts'
import type { DestinationProfile, DestinationServer, ProtocolHint } from '../gen/destination.ts'
import { inboundPort, type StandInConfiguration } from './configuration.ts'

/** Tells the proxy that an address is a meshed pod's, how its bytes are to be read, and whose certificate to expect. */
export function destination(configuration: StandInConfiguration): DestinationServer {
  return {
    getProfile(call) {
      const address = parseSocketAddress(call.request.path)
      if (address && configuration.servers.includes(address.ip)) call.write(profileOf(address, configuration))
      else call.emit('error', { code: status.NOT_FOUND, details: `${call.request.path} is not meshed` })
    },
  }
}

function profileOf(
  { ip, port }: SocketAddress,
  { serverName, httpPorts }: StandInConfiguration,
): DestinationProfile {
  const isHttp = httpPorts.includes(port)
  const ipv4 = Buffer.from(ipToBytes(ip)).readUInt32BE()
  return {
    opaqueProtocol: !isHttp,
    endpoint: {
      addr: { ip: { ip: { $case: 'ipv4', value: ipv4 } }, port },
      weight: 10_000,
      tlsIdentity: {
        strategy: { $case: 'dnsLikeIdentity', value: { name: serverName } },
        serverName: { name: serverName },
      },
      protocolHint: isHttp ? insideHttp2 : asTheyAre,
    },
  }
}

const insideHttp2: ProtocolHint = { protocol: { $case: 'h2', value: {} }, opaqueTransport: undefined }
const asTheyAre: ProtocolHint = { protocol: { $case: 'opaque', value: {} }, opaqueTransport: { inboundPort } }
