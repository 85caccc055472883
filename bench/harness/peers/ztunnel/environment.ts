import { ports } from '#mesh/ports.ts'
import { plan } from '#test/harness/network.ts'

export interface ProxyEnvironmentOptions {
  readonly namespace: string
  readonly pod: string
  readonly serviceAccount: string
  /** Path of the file with all workloads. */
  readonly workloads: string
  /** Paths of the pod's token, and of the roots in PEM. */
  readonly token: string
  readonly trustBundle: string
}

/** One ztunnel for one pod, with one data thread; its certificate comes from the control plane that weft's sidecars ask. */
export function proxyEnvironment(options: ProxyEnvironmentOptions): Record<string, string> {
  return {
    RUST_LOG: 'warn',
    ZTUNNEL_WORKER_THREADS: '1',
    PROXY_MODE: 'dedicated',
    PROXY_WORKLOAD_INFO: `${options.namespace}/${options.pod}/${options.serviceAccount}`,
    LOCAL_XDS_PATH: options.workloads,
    XDS_ADDRESS: '',
    CA_ADDRESS: `https://${plan.controlPlane}:${ports.controlPlane}`,
    CA_ROOT_CA: options.trustBundle,
    ALT_CA_HOSTNAME: 'weft-control-plane.weft-system.svc',
    AUTH_TOKEN: options.token,
    // To speak to the application with the client's address takes privileges that no peer here has.
    ENABLE_ORIG_SRC: 'false',
    IPV6_ENABLED: 'false',
    ISTIO_META_DNS_CAPTURE: 'false',
  }
}
