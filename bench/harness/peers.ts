import type { Options } from '../options.ts'
import type { Peer } from './peer.ts'
import { direct } from './peers/direct.ts'
import { haproxy } from './peers/haproxy.ts'
import { linkerd } from './peers/linkerd/linkerd.ts'
import { nginx } from './peers/nginx.ts'
import { weft } from './peers/weft.ts'
import { ztunnel } from './peers/ztunnel/ztunnel.ts'

/** Everybody who may be measured, the direct connection first. */
export function everyPeer(binaries: Options['binaries']): readonly Peer[] {
  const linkerds = (['opaque', 'http2'] as const).map((mode) => linkerd(mode, binaries.linkerd))
  return [direct, weft, haproxy, nginx, ...linkerds, ztunnel(binaries.ztunnel)]
}
