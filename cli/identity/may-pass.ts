import { Failure } from '../failure.ts'

/** The failure, where it may go by itself; throws it elsewhere. For `catch`. */
export function mayPass(error: unknown): Failure {
  if (error instanceof Failure && error.transient) return error
  throw error
}
