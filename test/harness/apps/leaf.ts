// Obtains a certificate from the control plane as a sidecar does, for a test that plays one, and prints it as JSON.
import { generateKeyPairSync } from 'node:crypto'
import { parseArgs } from 'node:util'
import { authorityClient } from '#runtime/authority-client.ts'
import { ControlChannel } from '#runtime/control-channel.ts'
import { createCsr } from '#runtime/csr.ts'

const { values } = parseArgs({
  options: {
    host: { type: 'string' },
    port: { type: 'string' },
    bundle: { type: 'string' },
    token: { type: 'string' },
  },
})
const channel = new ControlChannel({
  controlPlane: { host: values.host!, port: Number(values.port) },
  controlPlaneName: 'weft-control-plane.weft-system.svc',
  trustBundle: values.bundle!,
  token: values.token!,
})
const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const chain = await authorityClient(channel)(createCsr(keys))
console.log(JSON.stringify({ key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }), chain }))
process.exit(0)
