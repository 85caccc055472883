import {
  encodeService,
  encodeSettings,
  encodeTrustBundle,
  encodeWorkload,
} from '#control-plane/model/encode.ts'
import { encodeAuthorization } from '#control-plane/model/encode-authorization.ts'
import { parseRequest, RequestError } from '#control-plane/push/request.ts'
import { request as encodeRequest } from '#control-plane/push/testing/requests.ts'
import { emptyMatch } from '#mesh/policy/authorization.ts'
import { service, settings, workload } from '#mesh/testing/mesh.ts'
import {
  decodeAddress,
  decodeAuthorization,
  decodeSettings,
  decodeTrustBundle,
} from '#sidecar/discovery/decode.ts'
import { policy } from '#sidecar/testing/pictures.ts'
import { TestPki } from '#sidecar/testing/pki.ts'
import { check, type Target } from '../target.ts'

const decoders = [decodeAddress, decodeAuthorization, decodeSettings, decodeTrustBundle] as const

/** xDS resources, by each decoder: a picture whose parts are what they say, or an Error that can be told in a NACK. */
const resource: Target = {
  name: 'xds-resource',
  seeds() {
    const root = new TestPki({ now: Date.UTC(2026, 0, 1) }).root.certificate.toString()
    return [
      encodeWorkload(workload('backend', ['10.77.0.1', 'fd77::1'])),
      encodeService(service(['10.77.100.1'])),
      encodeAuthorization(policy('deny', 'deny', { ...emptyMatch, notPrincipals: [{ kind: 'presence' }] })),
      encodeSettings(settings()),
      encodeTrustBundle({ trustDomain: 'cluster.local', rootsPem: root, crlPem: '' }),
    ].map((bytes) => Buffer.from(bytes))
  },
  words: ['ffffffff0f', '0a00', '0aff7f', '80808080808080808001', '12041a020a00'].map((word) =>
    Buffer.from(word, 'hex'),
  ),
  run(input) {
    const decoded = decoders
      .map((decode) => {
        try {
          decode(input)
          return decode.name.slice('decode'.length)
        } catch (error) {
          check(error instanceof Error && error.message.length > 0, 'a refusal says why')
          check(error.name !== 'TypeError', `a refusal is no accident: ${error.stack}`)
          check(!/call stack/.test(error.message), 'no nesting is too deep')
          return ''
        }
      })
      .join('')
    return decoded || 'refused'
  },
}

/** What a sidecar asks of the control plane. */
const request: Target = {
  name: 'xds-request',
  seeds: () =>
    [
      {
        typeUrl: 'type.googleapis.com/istio.workload.Address',
        resourceNamesSubscribe: ['*', 'net/10.0.0.1'],
      },
      {
        typeUrl: 'type.googleapis.com/istio.security.Authorization',
        responseNonce: '7',
        errorDetail: { code: 3, message: 'no', details: [] },
      },
      {
        typeUrl: 'a',
        initialResourceVersions: new Map([['a', 'v1']]),
        node: { id: 'x', cluster: '', metadata: { clusterid: 'Kubernetes' } },
      },
    ].map(encodeRequest),
  words: ['ffffffff0f', '0a00', '1a012a', '22022a2a', '3a00'].map((word) => Buffer.from(word, 'hex')),
  run(input) {
    try {
      const { type, subscribe, answer } = parseRequest(input)
      check(type !== '' && [type, ...subscribe].every((name) => name.length <= 1_024), 'names are bounded')
      check((answer?.refusal?.length ?? 0) <= 2_048, 'a refusal is bounded')
      return answer ? 'answer' : subscribe.length > 0 ? 'subscription' : 'request'
    } catch (error) {
      if (error instanceof RequestError) return 'refused'
      throw error
    }
  },
}

export const configurationTargets = [resource, request]
