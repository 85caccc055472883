import { parseRegistry } from '../parse.ts'
import { formatProblem } from '../problems.ts'

/** A registry file with one of everything. */
export const good = `mesh:
  networks: [10.77.0.0/16]
workloads:
  - name: frontend-1
    namespace: shop
    serviceAccount: frontend
    addresses: [10.77.0.11]
    labels: { app: frontend }
  - name: backend-1
    namespace: shop
    addresses:
      - 10.77.0.12
    labels: { app: backend }
services:
  - name: backend
    namespace: shop
    addresses: [10.77.100.1]
    selector: { app: backend }
    ports:
      - name: http
        port: 80
        targetPort: 8080
policies:
  - kind: PeerAuthentication
    name: default
    namespace: shop
    mode: Strict
  - kind: AuthorizationPolicy
    name: backend
    namespace: shop
    rules:
      - from:
          - principals: [cluster.local/ns/shop/sa/frontend]
`

/** What is wrong with a text, each as a line of the log; nothing when it is good. */
export function problemsOf(text: string): string[] {
  const parsed = parseRegistry(text)
  return 'problems' in parsed ? parsed.problems.map((problem) => formatProblem('mesh.yaml', problem)) : []
}

/** The good file with one part replaced, which must occur in it. */
export function changed(from: string, to: string): string {
  if (!good.includes(from)) throw new Error(`"${from}" is not in the good file`)
  return good.replace(from, to)
}
