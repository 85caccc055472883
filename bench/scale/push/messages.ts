import type { Arrivals } from './delays.ts'
import type { Changed, Churn } from './synthetic-registry.ts'

/** What the processes of a push scenario are asked for, and what each answers. */
export interface Questions {
  readonly serve: { readonly ask: ServeOptions; readonly answer: Served }
  readonly churn: { readonly ask: Churn; readonly answer: readonly Changed[] }
  readonly connect: { readonly ask: ConnectOptions; readonly answer: null }
  readonly collect: { readonly ask: null; readonly answer: Arrivals }
}

export type Question = {
  readonly [Kind in keyof Questions]: { readonly kind: Kind; readonly ask: Questions[Kind]['ask'] }
}[keyof Questions]

export type Answer = { readonly answer: Questions[keyof Questions]['answer'] } | { readonly error: string }

export interface ServeOptions {
  readonly pods: number
  readonly scope: 'mesh' | 'namespace'
  /** An empty folder for keys and trust bundle. */
  readonly directory: string
}

export interface Served {
  readonly port: number
  /** The roots in PEM. */
  readonly bundle: string
}

export interface ConnectOptions extends Served {
  readonly pods: number
  readonly scope: 'mesh' | 'namespace'
  /** Indices of the pods whose sidecars are simulated. */
  readonly sidecars: readonly number[]
}
