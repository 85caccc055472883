import { afterAll, beforeAll, describe, test } from 'vitest'
import { type Stage, setStage } from '../../cli/demo/stage.ts'
import { story } from '../../cli/demo/story.ts'

// The story of `npm run demo`, a case a chapter, on one mesh.
describe('the story', () => {
  let stage: Stage

  beforeAll(async () => {
    stage = await setStage(() => {})
  })
  afterAll(async () => {
    await stage?.mesh[Symbol.asyncDispose]()
  })

  for (const { title, tell } of story) {
    test(title, async () => {
      await tell(stage)
    })
  }
})
