import { type IstioCertificateResponse, IstioCertificateServiceClient } from '#proto/istio/v1/auth/ca.ts'
import type { ControlChannel } from './control-channel.ts'

/** Signs a CSR (PEM) for the caller's own identity; answers leaf, intermediates, roots, PEM each. */
export type SignCertificate = (csr: string) => Promise<readonly string[]>

/** The authority behind `istio.v1.auth.IstioCertificateService`. Rejects with a gRPC error, or one that names a file. */
export function authorityClient(channel: ControlChannel): SignCertificate {
  return async (csr) => {
    const { client, metadata } = await channel.open(IstioCertificateServiceClient)
    const response = await new Promise<IstioCertificateResponse>((resolve, reject) => {
      const request = { csr, validityDuration: 0, metadata: undefined }
      client.createCertificate(request, metadata, { deadline: Date.now() + 10_000 }, (error, answer) =>
        error ? reject(error) : resolve(answer),
      )
    })
    return response.certChain
  }
}
