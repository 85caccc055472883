import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Answer, Question, Questions } from './messages.ts'

/** A process that answers questions, one at a time, and ends with the one that started it. */
export class Child implements AsyncDisposable {
  readonly pid: number
  readonly #child: ChildProcess
  readonly #program: string

  constructor(program: 'control-plane' | 'sidecars') {
    this.#program = program
    this.#child = fork(join(import.meta.dirname, `${program}.ts`), { serialization: 'advanced' })
    this.pid = this.#child.pid!
  }

  /** Rejects with what went wrong over there, or when the process ends first. */
  async ask<Kind extends keyof Questions>(
    kind: Kind,
    ask: Questions[Kind]['ask'],
  ): Promise<Questions[Kind]['answer']> {
    const over = new AbortController()
    const { signal } = over
    try {
      this.#child.send({ kind, ask })
      const [message] = (await Promise.race([
        once(this.#child, 'message', { signal }),
        once(this.#child, 'exit', { signal }).then(() => [{ error: 'it ended' }]),
      ])) as [Answer]
      if ('error' in message) throw new Error(`${this.#program}: ${message.error}`)
      return message.answer
    } finally {
      over.abort()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }
}

/** The other end: answers each question by the handler of its kind. */
export function answerQuestions(handle: (question: Question) => Promise<unknown>): void {
  process.on('disconnect', () => process.exit())
  // An interrupt of the terminal reaches every process; the one that started this one decides.
  process.on('SIGINT', () => {})
  process.on('message', (question: Question) => {
    handle(question).then(
      (answer) => process.send!({ answer }),
      (error: unknown) =>
        process.send!({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
  })
}
