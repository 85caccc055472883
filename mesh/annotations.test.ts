import { describe, expect, it } from 'vitest'
import { annotations, unknownAnnotations } from './annotations.ts'

describe('annotations that weft does not know', () => {
  it('come with the one that was meant', () => {
    expect(unknownAnnotations(['weft.dev/exclude-outbound-port', 'weft.dev/inyect'])).toEqual([
      { key: 'weft.dev/exclude-outbound-port', nearest: 'weft.dev/exclude-outbound-ports' },
      { key: 'weft.dev/inyect', nearest: 'weft.dev/inject' },
    ])
  })

  it('come alone when nothing is near', () => {
    expect(unknownAnnotations(['weft.dev/colour'])).toEqual([{ key: 'weft.dev/colour', nearest: undefined }])
  })

  it('are neither the known ones nor those of others', () => {
    expect(unknownAnnotations([...Object.values(annotations), 'example.com/weft.dev/inject'])).toEqual([])
  })
})
