import { describe, expect, it } from 'vitest'
import { Questions } from './questions.ts'

const { signal } = new AbortController()

/** Whether the question is answered within so many milliseconds. */
async function isAnswered(questions: Questions, name: string, within = 1_000): Promise<boolean> {
  const before = performance.now()
  await questions.ask(name)?.question.answer(within, signal)
  return performance.now() - before < within - 5
}

describe('questions', () => {
  it('are asked once, whoever asks again, and answered to all who asked', async () => {
    const questions = new Questions()
    expect([questions.ask('/10.77.0.1')?.isNew, questions.ask('/10.77.0.1')?.isNew]).toEqual([true, false])
    const answers = [isAnswered(questions, '/10.77.0.1'), isAnswered(questions, '/10.77.0.1')]
    questions.answered(['/10.77.0.1'])
    expect(await Promise.all(answers)).toEqual([true, true])
  })

  it('stay open while others are answered', async () => {
    const questions = new Questions()
    const answer = isAnswered(questions, 'a', 50)
    questions.answered(['b', 'c'])
    expect(await answer).toBe(false)
  })

  it('stay remembered when they are answered, and are answered to later askers at once', async () => {
    const questions = new Questions()
    questions.ask('a')
    questions.answered(['a'])
    expect(questions.ask('a')?.isNew).toBe(false)
    expect(await isAnswered(questions, 'a')).toBe(true)
    expect(questions.names()).toEqual(['a'])
  })

  it('are waited for no longer than the signal says', async () => {
    const aborted = AbortSignal.timeout(20)
    const before = performance.now()
    await new Questions().ask('a')?.question.answer(1_000, aborted)
    expect(performance.now() - before).toBeLessThan(900)
  })

  it('are 5 000 at most; beyond that nothing is asked, and what was asked before is known on', () => {
    const questions = new Questions()
    for (let i = 0; i < 5_000; i++) expect(questions.ask(`${i}`)?.isNew).toBe(true)
    expect(questions.ask('one more')).toBeUndefined()
    expect(questions.ask('4999')?.isNew).toBe(false)
    expect(questions.names()).toHaveLength(5_000)
  })
})
