import { join } from 'node:path'
import { pauseImage } from '../node/worker.ts'
import { fromFiles } from './base.ts'
import type { ImageStore } from './store.ts'

export const dnsImage = 'weft.test/coredns:1'

/** Builds the images that a cluster needs before anybody's pod can run. */
export async function buildClusterImages(
  store: ImageStore,
  scratch: string,
  programs: string,
): Promise<string[]> {
  const pause = { from: join(programs, 'pause'), to: '/pause' }
  await fromFiles(store, join(scratch, 'pause'), pauseImage, [pause], ['ENTRYPOINT ["/pause"]'])
  const dns = { from: join(programs, 'coredns'), to: '/coredns' }
  await fromFiles(store, join(scratch, 'coredns'), dnsImage, [dns], ['ENTRYPOINT ["/coredns"]'])
  return [pauseImage, dnsImage]
}
