/** What one check has to say. */
export interface Finding {
  /** The check's name, e.g. `webhook`. */
  readonly check: string
  readonly level: Level
  /** One sentence that names what it is about. */
  readonly message: string
  /** What to do; absent where there is nothing to. */
  readonly remedy?: string
  /** Command lines that do it. */
  readonly commands?: readonly string[]
}

/** `unseen` is neither good nor bad: nobody could look. */
export type Level = 'ok' | 'warning' | 'problem' | 'unseen'

/** Problems, and what could not be seen, keep the answer from being yes. */
export function isGood(findings: readonly Finding[]): boolean {
  return findings.every(({ level }) => level === 'ok' || level === 'warning')
}

export function ok(check: string, message: string): Finding {
  return { check, level: 'ok', message }
}

/** For a fact that the user's account may not see. */
export function unseen(check: string, what: string, why: string): Finding {
  return {
    check,
    level: 'unseen',
    message: `${what} cannot be seen: ${why}`,
    remedy: 'ask with an account that may read them',
  }
}

/** A few names of many. */
export function some(names: readonly string[], limit = 5): string {
  const rest = names.length - limit
  return rest > 0 ? `${names.slice(0, limit).join(', ')} and ${rest} more` : names.join(', ')
}

/** `1 pod`, `3 pods`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
