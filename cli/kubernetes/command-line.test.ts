import { describe, expect, it } from 'vitest'
import { atContext, flagsOf } from './command-line.ts'

describe('a command line for people', () => {
  it.each([
    ['kubectl -n shop get pods', 'kubectl --context staging -n shop get pods'],
    ['weft install | kubectl apply -f -', 'weft install | kubectl --context staging apply -f -'],
    ['helm -n kube-system upgrade cilium', 'helm --kube-context staging -n kube-system upgrade cilium'],
    ['modprobe -a nf_tables', 'modprobe -a nf_tables'],
  ])('%s: acts on the cluster that was looked at', (line, expected) => {
    expect(atContext(line, 'staging')).toBe(expected)
    expect(atContext(line, undefined)).toBe(line)
  })

  it('keeps a name with blanks one word', () => {
    expect(atContext('kubectl get pods', "the boss's")).toBe(
      String.raw`kubectl --context 'the boss'\''s' get pods`,
    )
  })

  it('has the flags that are in force, and no others', () => {
    expect(flagsOf({ context: undefined, namespace: 'weft-system' })).toBe('')
    expect(flagsOf({ context: 'staging', namespace: 'mesh' })).toBe(' --context staging --namespace mesh')
  })
})
