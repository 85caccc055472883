/** A decoder that faces the network, and what it must never do. */
export interface Target {
  readonly name: string
  /** Inputs to begin with; `npm run fuzz -- --seeds` writes them to the corpus. */
  seeds(): readonly Buffer[] | Promise<readonly Buffer[]>
  /** Milliseconds of processor time that an input may take, where that is more than a second. */
  readonly slowest?: number
  /** Pieces that mean something to it. */
  readonly words?: readonly (string | Buffer)[]
  /**
   * Decodes an input and checks what came of it. Answers in a word what that was, by which inputs that lead elsewhere
   * are recognised; whatever it throws is a finding.
   */
  run(input: Buffer): string | Promise<string>
}

/** A property that does not hold. */
export function check(holds: boolean, property: string): asserts holds {
  if (!holds) throw new Error(`it does not hold that ${property}`)
}
