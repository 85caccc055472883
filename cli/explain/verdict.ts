import type { Outcome } from './outcome.ts'

/** `partly`: some endpoints may be reached and others not. */
export type Verdict = 'yes' | 'no' | 'partly'

export function verdictOf(outcomes: readonly Outcome[]): Verdict {
  const allowed = outcomes.filter((outcome) => outcome.allowed).length
  return allowed === outcomes.length ? 'yes' : allowed === 0 ? 'no' : 'partly'
}
