import { type IstioCertificateResponse, IstioCertificateServiceClient } from '#proto/istio/v1/auth/ca.ts'
import type { ControlChannel } from '#runtime/control-channel.ts'

/** Signs a CSR (PEM) for the injector's own service account; answers leaf, intermediates, roots, PEM each. */
export type SignCertificate = (csr: string) => Promise<readonly string[]>

/** The mesh's authority, asked with the injector's own token. Rejects with a gRPC error, or one that names a file. */
export function authorityClient(channel: ControlChannel): SignCertificate {
  return async (csr) => {
    const { client, metadata } = await channel.open(IstioCertificateServiceClient)
    const answer = await new Promise<IstioCertificateResponse>((resolve, reject) => {
      const request = { csr, validityDuration: 0, metadata: undefined }
      client.createCertificate(request, metadata, { deadline: Date.now() + 10_000 }, (error, response) =>
        error ? reject(error) : resolve(response),
      )
    })
    return answer.certChain
  }
}
