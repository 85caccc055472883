// Asks the control plane for certificates with a token that is none, over and over, and prints how often it was told what.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { IstioCertificateServiceClient } from '#proto/istio/v1/auth/ca.ts'

const { values } = parseArgs({
  options: { target: { type: 'string' }, bundle: { type: 'string' }, times: { type: 'string' } },
})
const roots = credentials.createSsl(readFileSync(values.bundle!))
const client = new IstioCertificateServiceClient(values.target!, roots, {
  'grpc.ssl_target_name_override': 'weft-control-plane.weft-system.svc',
})
const metadata = new Metadata()
metadata.set('authorization', 'Bearer e30.e30.e30')
const counts: Record<string, number> = {}
for (let i = 0; i < Number(values.times); i++) {
  const { code } = await new Promise<ServiceError>((resolve) => {
    client.createCertificate({ csr: '', validityDuration: 0, metadata: undefined }, metadata, (error) =>
      resolve(error!),
    )
  })
  counts[code] = (counts[code] ?? 0) + 1
}
console.log(JSON.stringify(counts))
process.exit(0)
