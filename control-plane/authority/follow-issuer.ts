import type { Log } from '#runtime/log.ts'
import type { Issuer } from './issuer.ts'
import type { SignerStore } from './signer-store.ts'

export interface FollowOptions {
  readonly issuer: Issuer
  readonly log: Log
  /** Told after another issuer was taken. */
  readonly adopted: () => void
}

/** Takes the issuer that another process writes, and puts back one that was removed or damaged. Answers what ends that. */
export function followIssuer(store: SignerStore, { issuer, log, adopted }: FollowOptions): () => void {
  const follow = async (): Promise<void> => {
    if (await issuer.putBack()) {
      return log.warn('what was removed or damaged is put back', {
        place: store.places('issuer').certificate,
      })
    }
    // Root and issuer are kept apart, so that the issuer may come before word of the root that it is under.
    if (!(await issuer.adopt())) {
      return log.warn('what is stored is no issuer of the root that signs; the one in use stays')
    }
    log.info('another replica renewed the issuer')
    adopted()
  }
  return store.subscribe('issuer', () => {
    follow().catch((error: unknown) => log.error('what is stored could not be followed', { error }))
  })
}
