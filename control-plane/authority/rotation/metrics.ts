import { Gauge, type Registry } from '#runtime/metrics.ts'
import { fingerprint, type Root } from '../root.ts'
import { phases, type RotationState, trustedRoots } from './state.ts'

export interface RotationMetrics {
  observe(state: RotationState<Root>): void
}

export function rotationMetrics(registry: Registry): RotationMetrics {
  const registers = [registry]
  const phase = new Gauge({
    name: 'weft_root_rotation_phase',
    help: '1 for the phase that the rotation of the root is in, 0 for the others.',
    labelNames: ['phase'],
    registers,
  })
  const since = new Gauge({
    name: 'weft_root_rotation_phase_start_timestamp_seconds',
    help: 'When that phase began, in seconds since 1970.',
    registers,
  })
  const expiry = new Gauge({
    name: 'weft_trusted_root_expiry_timestamp_seconds',
    help: 'When each root that is believed ends, in seconds since 1970, by the first half of its SHA-256 fingerprint.',
    labelNames: ['root'],
    registers,
  })
  return {
    observe(state) {
      for (const each of phases) phase.set({ phase: each }, each === state.phase ? 1 : 0)
      since.set(state.since / 1_000)
      expiry.reset()
      for (const root of trustedRoots(state)) {
        const label = { root: fingerprint(root).slice(0, 32) }
        expiry.set(label, root.certificate.validToDate.getTime() / 1_000)
      }
    },
  }
}
