/** Every problem of a process's environment, told at once. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

export interface HostPort {
  readonly host: string
  readonly port: number
}

interface Default<T> {
  readonly default?: T
}

/**
 * Reads the variables of one component. A bad or missing value is remembered, not thrown, so that `done` can name
 * every problem at once; until then the getter answers its default or an empty value that is never used.
 */
export class Environment {
  readonly #variables: Readonly<Record<string, string | undefined>>
  readonly #problems: string[] = []

  constructor(variables: Readonly<Record<string, string | undefined>>) {
    this.#variables = variables
  }

  string(name: string, options: Default<string> = {}): string {
    return this.parsed(name, (text) => text, 'a text', { default: options.default, empty: '' })
  }

  optional(name: string): string | undefined {
    return this.#variables[name] || undefined
  }

  integer(name: string, range: Default<number> & { readonly min: number; readonly max: number }): number {
    const parse = (text: string): number | undefined => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
      return value >= range.min && value <= range.max ? value : undefined
    }
    return this.parsed(name, parse, `a whole number from ${range.min} to ${range.max}`, {
      default: range.default,
      empty: 0,
    })
  }

  /** Milliseconds, from texts such as `500ms`, `30s`, `5m`, `24h`. */
  duration(name: string, options: Default<number> = {}): number {
    const expected = 'a duration such as 500ms, 30s, 5m or 24h'
    return this.parsed(name, parseDuration, expected, { default: options.default, empty: 0 })
  }

  flag(name: string): boolean {
    return this.oneOf(name, ['true', 'false'], { default: 'false' }) === 'true'
  }

  oneOf<T extends string>(name: string, values: readonly T[], options: Default<T> = {}): T {
    const find = (text: string) => values.find((value) => value === text)
    return this.parsed(name, find, values.join(' or '), { default: options.default, empty: values[0]! })
  }

  /** A comma-separated list, each item parsed; empty items are passed over, and one at least must be left. */
  list<T>(
    name: string,
    parse: (text: string) => T | undefined,
    expected: string,
    options: Default<readonly T[]> = {},
  ): readonly T[] {
    const parseAll = (text: string): readonly T[] | undefined => {
      const items = text.split(',').map((item) => item.trim())
      const values = items.filter((item) => item !== '').map(parse)
      return values.length === 0 || values.includes(undefined) ? undefined : (values as T[])
    }
    return this.parsed(name, parseAll, `a comma-separated list of ${expected}`, {
      default: options.default,
      empty: [],
    })
  }

  /** `host:port`; IPv6 hosts in brackets. */
  address(name: string, options: Default<string> = {}): HostPort {
    const fallback = options.default === undefined ? undefined : parseHostPort(options.default)
    return this.parsed(name, parseHostPort, 'host:port', { default: fallback, empty: { host: '', port: 0 } })
  }

  /** A variable with a parser of its own; `expected` completes the sentence "write ...". */
  parsed<T>(
    name: string,
    parse: (text: string) => T | undefined,
    expected: string,
    fallback: { readonly default?: T | undefined; readonly empty: T },
  ): T {
    const text = this.#variables[name]
    if (text === undefined || text === '') {
      if (fallback.default !== undefined) return fallback.default
      this.#problems.push(`${name} is not set: write ${expected}`)
      return fallback.empty
    }
    const value = parse(text)
    if (value !== undefined) return value
    this.#problems.push(`${name} is "${text}": write ${expected}`)
    return fallback.empty
  }

  /** Throws EnvironmentError when any variable was missing or bad. */
  done(): void {
    if (this.#problems.length > 0) throw new EnvironmentError(this.#problems)
  }
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Milliseconds of a text such as `30s`; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9})(ms|s|m|h)$/.exec(text)
  return match ? Number(match[1]) * units[match[2]!]! : undefined
}

function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  return host !== undefined && port <= 65_535 ? { host, port } : undefined
}
