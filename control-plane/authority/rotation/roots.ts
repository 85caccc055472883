import type { KeyObject } from 'node:crypto'
import type { Log } from '#runtime/log.ts'
import { Changeable, type Changing } from '../changing.ts'
import { AuthorityStateError } from '../keys.ts'
import { fingerprint, type Root, sameRoot } from '../root.ts'
import type { SignerStore, Stored } from '../signer-store.ts'
import { type RotationState, trustedRoots } from './state.ts'
import { formatState, keyOf, type ParsedState, parseState, record } from './stored-state.ts'

export interface RootsOptions {
  readonly store: SignerStore
  readonly trustDomain: string
  readonly log: Log
  /** Answers the first root, when there is none; its key stays with somebody else if an authority is plugged in. */
  readonly makeFirst: (key: KeyObject | undefined) => Root | Promise<Root>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** The roots of the mesh as they are kept, and where between two of them it stands. */
export class Roots {
  readonly #options: RootsOptions
  readonly #state: Changeable<RotationState<Root>>
  #stored: Stored
  readonly #offered = new Changeable<Root | undefined>(undefined)

  private constructor(options: RootsOptions, stored: Stored, state: RotationState<Root>) {
    this.#options = options
    this.#stored = stored
    this.#state = new Changeable(state)
  }

  /**
   * What is kept, made on first use. Rejects with AuthorityStateError when its parts do not fit each other or the trust
   * domain: a root is never replaced behind its owner's back, nor taken at once where another one signed.
   */
  static async open(options: RootsOptions): Promise<Roots> {
    const { store, trustDomain, makeFirst, now } = options
    for (;;) {
      const stored = await store.read('root')
      const places = store.places('root')
      if (!isEmpty(stored)) {
        const { state, foreign } = parseState(stored.data, trustDomain, places)
        if (foreign && record in stored.data) {
          throw new AuthorityStateError(
            `${places.certificate} is not the root that its entry "${record}" is about: put the former root and its key ` +
              'back, start, and write the other one then, so that everybody learns it first; or remove the entry to ' +
              'begin with the other one at once, which ends every connection',
          )
        }
        const { certificate } = state.signing
        if (certificate.validToDate.getTime() <= now()) {
          throw new AuthorityStateError(
            `${places.certificate} ended at ${certificate.validTo}: remove the root and its key to have new ones made`,
          )
        }
        return new Roots(options, stored, state)
      }
      const key = keyOf(stored.data['tls.key'], places.privateKey)
      const signing = await makeFirst(key)
      const state = { phase: 'stable', signing, since: now(), handled: undefined } as const
      const written = await store.write('root', formatState(state, trustDomain), stored)
      if (written) return new Roots(options, written, state)
    }
  }

  get state(): Changing<RotationState<Root>> {
    return this.#state
  }

  /** Whether it is this process that makes the steps. */
  get moving(): boolean {
    return this.#options.store.writing
  }

  /** A root that somebody put in the place of the signing one, or plugged in: it becomes the next. */
  get offered(): Changing<Root | undefined> {
    return this.#offered
  }

  /** Offers a root to follow the one that signs; does nothing unless the mesh stands still, under another one. */
  offer(root: Root): void {
    const { phase, signing } = this.#state.current
    if (phase !== 'stable' || sameRoot(signing, root)) return
    const { current } = this.#offered
    if (current && sameRoot(current, root)) return
    this.#options.log.warn('another root than the one that signs: it becomes the next one', {
      root: fingerprint(root),
    })
    this.#offered.set(root)
  }

  /**
   * Makes a step, in one write. False when the mesh stands elsewhere by now than where the step is from, or when something
   * else was written there first, which is looked at then.
   */
  async move(from: RotationState<Root>, to: RotationState<Root>): Promise<boolean> {
    if (from !== this.#state.current) return false
    const { store, trustDomain } = this.#options
    const written = await store.write('root', formatState(to, trustDomain), this.#stored)
    if (written) this.#take(written, to)
    else await this.#look()
    return written !== undefined
  }

  /** Takes the steps that other processes make, and puts back what was removed. Answers what ends that. */
  follow(): () => void {
    const { store, log } = this.#options
    return store.subscribe('root', () => {
      this.#look().catch((error: unknown) => {
        log.error('the stored root cannot be used; the one in use stays', { error })
      })
    })
  }

  async #look(): Promise<void> {
    const { store, trustDomain, log } = this.#options
    const stored = await store.read('root')
    const places = store.places('root')
    if (isEmpty(stored)) {
      if (await this.#putBack(stored)) log.warn('what was removed is put back', { place: places.certificate })
      return
    }
    const read = attempt(() => parseState(stored.data, trustDomain, places))
    if (read instanceof Error) {
      log.error('the stored root cannot be used; the one in use stays', { error: read })
      return this.#replace(stored)
    }
    const { current } = this.#state
    if (follows(read, current)) return this.#take(stored, read.state)
    const { signing } = read.state
    const what = { place: places.certificate, root: fingerprint(signing) }
    if (current.phase !== 'stable' || believes(current, signing) || isOlder(read, current)) {
      log.error('what was put in the place of the root that signs is not taken: the one in use stays', what)
      return this.#replace(stored)
    }
    this.#stored = stored
    log.warn('another root was put in the place of the one that signs: it becomes the next one', what)
    this.#offered.set(signing)
  }

  #take(stored: Stored, state: RotationState<Root>): void {
    this.#stored = stored
    if (this.#offered.current) this.#offered.set(undefined)
    this.#state.set(state)
  }

  async #replace(stored: Stored): Promise<void> {
    const place = this.#options.store.places('root').certificate
    if (await this.#putBack(stored)) this.#options.log.warn('what was there before is put back', { place })
  }

  /** Where another process writes, it is that one that puts it back. */
  async #putBack(stored: Stored): Promise<boolean> {
    if (!this.moving) return false
    const { store, trustDomain } = this.#options
    const written = await store.write('root', formatState(this.#state.current, trustDomain), stored)
    if (written) this.#stored = written
    return written !== undefined
  }
}

/**
 * Whether what was read is a step from where the mesh stands. A later step may have left out some that were not seen,
 * as long as a root is common; an earlier one, which is a backup or a clock that is behind, must change nobody's belief
 * in who signs. Certificates would be signed at once under what nobody trusts otherwise, or all be worth nothing.
 */
function follows({ state, foreign }: ParsedState, current: RotationState<Root>): boolean {
  if (foreign) return false
  const [keepsOurs, isOurs] = [believes(state, current.signing), believes(current, state.signing)]
  return state.since > current.since ? keepsOurs || isOurs : keepsOurs && isOurs
}

function believes(state: RotationState<Root>, root: Root): boolean {
  return trustedRoots(state).some((trusted) => sameRoot(trusted, root))
}

/** What was the mesh's own once is no root that somebody chose. */
function isOlder({ state, foreign }: ParsedState, current: RotationState<Root>): boolean {
  return !foreign && state.since <= current.since
}

function attempt<T>(read: () => T): T | AuthorityStateError {
  try {
    return read()
  } catch (error) {
    if (error instanceof AuthorityStateError) return error
    throw error
  }
}

/** A key alone is what a crash once left behind, before both were written in one step. */
function isEmpty({ data, version }: Stored): boolean {
  return version === undefined && Object.keys(data).every((name) => name === 'tls.key')
}
