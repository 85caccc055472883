import type { Output } from '../output.ts'

/** Which sidecar is asked, and how the answer is to be written. */
export interface Question {
  /** URL of its admin endpoint. */
  readonly admin: string
  /** The network namespace to ask from; this process's own when undefined. */
  readonly netns?: string
  readonly output: Output
}
