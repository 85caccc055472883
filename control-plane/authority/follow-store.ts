import type { Log } from '#runtime/log.ts'
import type { Signer } from './certificate.ts'
import type { Issuer } from './issuer.ts'
import type { SignerStore } from './signer-store.ts'

export interface FollowOptions {
  readonly root: Signer
  readonly issuer: Issuer
  readonly log: Log
  /** Told after another issuer was taken. */
  readonly adopted: () => void
}

/** Takes what other processes write, and puts back what was removed. Answers what ends that. */
export function followStore(store: SignerStore, { root, issuer, log, adopted }: FollowOptions): () => void {
  const guarded = (work: () => Promise<void>) => () =>
    void work().catch((error: unknown) => log.error('what is stored could not be followed', { error }))
  const ends = [
    store.subscribe(
      'root',
      guarded(() => followRoot(store, root, log)),
    ),
    store.subscribe(
      'issuer',
      guarded(async () => {
        if (await putBack(store, 'issuer', issuer.signer, log)) return
        if (!(await issuer.adopt())) {
          return log.error('what is stored is no issuer of this root; the one in use stays')
        }
        log.info('another replica renewed the issuer')
        adopted()
      }),
    ),
  ]
  return () => {
    for (const end of ends) end()
  }
}

/** A root is what every running workload trusts, so that another one is not simply taken. */
async function followRoot(store: SignerStore, root: Signer, log: Log): Promise<void> {
  if (await putBack(store, 'root', root, log)) return
  const { certificate } = await store.read('root')
  if (certificate?.trim() === root.certificate.toString().trim()) return
  log.error('the stored root is another one than this process has; it is used after a restart', {
    place: store.places('root').certificate,
  })
}

/** Whether it was gone, and is there again. Where another process writes, it is that one that puts it back. */
async function putBack(
  store: SignerStore,
  name: 'root' | 'issuer',
  signer: Signer,
  log: Log,
): Promise<boolean> {
  const { certificate, privateKey } = await store.read(name)
  if (certificate !== undefined || privateKey !== undefined || !store.writing) return false
  if (!(await store.write(name, signer))) return false
  log.warn('what was removed is put back', { place: store.places(name).certificate })
  return true
}
