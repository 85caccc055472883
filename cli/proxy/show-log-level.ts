import { logLevel as answer } from './answers.ts'
import type { Question } from './question.ts'
import { show } from './show.ts'

/** Shows a sidecar's log level, after setting it if one is given; answers the exit status. */
export async function showLogLevel(question: Question, level?: string): Promise<number> {
  const request =
    level === undefined ? ({ method: 'GET' } as const) : ({ method: 'PUT', body: level } as const)
  return await show(question, { ...request, path: '/log-level', answer, describe: (set) => set.level })
}
