/** What an API server answered instead of doing what it was asked. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  /** The HTTP status. */
  readonly status: number
  /** The API's own word, e.g. `Expired`, `AlreadyExists`; empty when it said none. */
  readonly reason: string

  constructor(message: string, status: number, reason: string) {
    super(message)
    this.status = status
    this.reason = reason
  }
}

/** No answer: the connection could not be made, broke, or took too long. */
export class ApiUnreachable extends Error {
  override readonly name = 'ApiUnreachable'
}

/** Whether a resourceVersion or continue token is too old to go on from: only a new list helps. */
export function isExpired(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 410 || error.reason === 'Expired')
}

/**
 * Whether there is no such object, or no such kind, e.g. because its definition is not installed. An API server that is
 * starting answers 404 to what it will know in a moment, and says so.
 */
export function isAbsent(error: unknown): boolean {
  return (
    error instanceof ApiError && error.status === 404 && !/before all known HTTP paths/.test(error.message)
  )
}

/** Whether somebody else was first, at making it or at changing it. */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409
}

/** The error that a body of kind Status, or any other text of a refused request, stands for. */
export function apiError(what: string, status: number, body: string): ApiError {
  const { message, reason, code } = statusOf(body)
  return new ApiError(`${what}: ${message || `HTTP ${status}`}`, code ?? status, reason)
}

function statusOf(body: string): { message: string; reason: string; code: number | undefined } {
  try {
    const { message, reason, code } = JSON.parse(body) as Record<string, unknown>
    return {
      message: typeof message === 'string' ? message : '',
      reason: typeof reason === 'string' ? reason : '',
      code: typeof code === 'number' ? code : undefined,
    }
  } catch {
    return { message: body.slice(0, 200).trim(), reason: '', code: undefined }
  }
}
