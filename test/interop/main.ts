// `npm run interop -- --ztunnel PATH`: an unmodified ztunnel under weft's control plane, and weft's sidecars around it.
import { parseArgs } from 'node:util'
import { givenBinary } from '../../bench/harness/peers/linkerd/given-binary.ts'
import { ensurePrerequisites, testCommands } from '../../scripts/prerequisites.ts'
import { ztunnelCases } from './ztunnel.ts'

const help = `Usage: npm run interop -- --ztunnel PATH

Puts a ztunnel that was built elsewhere into a pod of a mesh on this machine, in its dedicated mode: it gets its
certificate, its workloads and its policies from weft's control plane, and exchanges traffic with weft's sidecars in
both directions. Ends with status 0 when every case passed, 1 otherwise.
`

const { values } = parseArgs({
  options: { ztunnel: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
})
if (values.help) {
  process.stdout.write(help)
  process.exit(0)
}
const found = givenBinary({
  peer: 'ztunnel',
  program: 'ztunnel',
  path: values.ztunnel,
  args: ['version'],
  version: (said) => /Version:"([0-9a-f]{12}|[^"]+)/.exec(said)?.[1],
})
if (found.kind === 'absent' || values.ztunnel === undefined) {
  const reason = found.kind === 'absent' ? found.reason.replace('--peer ztunnel=PATH', '--ztunnel PATH') : ''
  process.stderr.write(`${reason}\n\n${help}`)
  process.exit(2)
}
await ensurePrerequisites(testCommands)
console.log(`${found.version}, in dedicated mode`)
let failed = 0
let passed = 0
for await (const { title, error } of ztunnelCases(values.ztunnel)) {
  if (error === undefined) passed += 1
  else failed += 1
  console.log(error === undefined ? `✓ ${title}` : `✗ ${title}\n  ${error.message}`)
}
console.log(`interop: ${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
