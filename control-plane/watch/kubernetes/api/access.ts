import type { OutgoingHttpHeaders } from 'node:http'
import type { RequestOptions } from 'node:https'

/** Where the API server is, and what a request to it shows. */
export interface ApiAccess {
  readonly server: URL
  /**
   * TLS options and headers of one request. Asked for each time, so that a token or certificate that was rotated is
   * used from then on.
   */
  options(): Promise<AccessOptions>
}

export type AccessOptions = Omit<RequestOptions, 'headers'> & { headers?: OutgoingHttpHeaders }

/** The kubeconfig that `KUBECONFIG` names, else the pod's own service account. Rejects with a sentence. */
export async function loadAccess(env: NodeJS.ProcessEnv = process.env): Promise<ApiAccess> {
  // Loaded here because it is large, and only this kind of registry needs it.
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  const file = env['KUBECONFIG']
  if (file) config.loadFromFile(file)
  else if (env['KUBERNETES_SERVICE_HOST']) config.loadFromCluster()
  else {
    throw new Error(
      'no Kubernetes to talk to: run in a pod with its service account token mounted, or set KUBECONFIG to a file',
    )
  }
  const cluster = config.getCurrentCluster()
  if (!cluster)
    throw new Error(`the kubeconfig ${file ?? 'of the pod'} has no current context: choose one in it`)
  return {
    server: requireTls(cluster.server),
    async options() {
      const options: AccessOptions = {}
      await config.applyToHTTPSOptions(options)
      // Its agents keep the first certificate; ours are told apart by what each request brings.
      delete options.agent
      return options
    },
  }
}

/** Credentials travel in clear to this machine at most. */
function requireTls(server: string): URL {
  const url = new URL(server)
  const loopback = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  if (url.protocol === 'https:' || (url.protocol === 'http:' && loopback)) return url
  throw new Error(
    `the API server ${server} is not reached by TLS: write an https address into the kubeconfig`,
  )
}
