import { parseSocketAddress } from '#mesh/address.ts'
import type { RunningProcess } from '#test/harness/process.ts'
import type { Workload } from '#test/harness/workload.ts'

/** Opens connections that stay open and idle until the answer is disposed; every one has carried a byte both ways. */
export async function holdConnections(
  client: Workload,
  { target, count }: { readonly target: string; readonly count: number },
): Promise<RunningProcess> {
  const { ip, port } = parseSocketAddress(target)!
  const program = '/checkout/bench/harness/apps/hold-client.ts'
  const holding = await client.start(['node', program, ip, `${port}`, `${count}`])
  await holding.line(/^open$/, { timeout: 120_000 })
  return holding
}
