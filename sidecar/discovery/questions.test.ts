import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Questions } from './questions.ts'

describe('questions', () => {
  it('are asked once, whoever asks again, and answered to all who asked', async () => {
    const questions = new Questions()
    const [first, second] = [questions.ask('/10.77.0.1'), questions.ask('/10.77.0.1')]
    expect([first?.isNew, second?.isNew]).toEqual([true, false])
    questions.answered(['/10.77.0.1'])
    await Promise.all([first?.answer, second?.answer])
  })

  it('stay open while others are answered', async () => {
    const questions = new Questions()
    const question = questions.ask('a')
    questions.answered(['b', 'c'])
    expect(await Promise.race([question?.answer, delay(5, 'open')])).toBe('open')
  })

  it('stay remembered when they are answered, and are answered to later askers at once', async () => {
    const questions = new Questions()
    questions.ask('a')
    questions.answered(['a'])
    const again = questions.ask('a')
    expect(again?.isNew).toBe(false)
    await again?.answer
    expect(questions.names()).toEqual(['a'])
  })

  it('are 5 000 at most; beyond that nothing is asked, and what was asked before is known on', () => {
    const questions = new Questions()
    for (let i = 0; i < 5_000; i++) expect(questions.ask(`${i}`)?.isNew).toBe(true)
    expect(questions.ask('one more')).toBeUndefined()
    expect(questions.ask('4999')?.isNew).toBe(false)
    expect(questions.names()).toHaveLength(5_000)
  })
})
