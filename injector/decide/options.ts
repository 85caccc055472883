import { formatCidr, parseCidr } from '#mesh/address.ts'
import { annotations } from '#mesh/annotations.ts'
import { parseExcludedPort } from '#mesh/exclusions.ts'
import { type LogLevel, logLevels } from '#runtime/log.ts'
import { parseQuantity } from './quantity.ts'

/** What a pod asks for by annotations; what it leaves out is undefined. */
export interface Options {
  readonly excludeInboundPorts: string | undefined
  readonly excludeOutboundPorts: string | undefined
  readonly excludeOutboundCidrs: string | undefined
  readonly logLevel: LogLevel | undefined
  readonly resources: Resources
}

/** Kubernetes quantities of a container. */
export interface Resources {
  readonly cpuRequest: string | undefined
  readonly cpuLimit: string | undefined
  readonly memoryRequest: string | undefined
  readonly memoryLimit: string | undefined
}

export interface ParsedOptions {
  readonly options: Options
  /** A sentence for each value that cannot be used. */
  readonly problems: readonly string[]
}

/** Reads a pod's annotations over the resources that a sidecar has by default. */
export function parseOptions(written: Readonly<Record<string, string>>, defaults: Resources): ParsedOptions {
  const problems: string[] = []
  const read = <T>(key: string, parse: (text: string) => T | undefined, expected: string): T | undefined => {
    const text = written[key]
    if (text === undefined) return undefined
    const value = parse(text.trim())
    if (value === undefined) problems.push(`${key} is ${JSON.stringify(shorten(text))}: write ${expected}`)
    return value
  }
  const portList = 'ports from 1 to 65535 other than 15001, 15006 and 15099, e.g. "9100,9200"'
  const ranges = 'address ranges without host bits, e.g. "192.0.2.0/24,fd12::/48"'
  const quantity = (key: string, example: string) =>
    read(
      key,
      (text) => (parseQuantity(text) === undefined ? undefined : text),
      `a quantity, e.g. "${example}"`,
    )
  const options = {
    excludeInboundPorts: read(annotations.excludeInboundPorts, list(parsePort), portList),
    excludeOutboundPorts: read(annotations.excludeOutboundPorts, list(parsePort), portList),
    excludeOutboundCidrs: read(annotations.excludeOutboundCidrs, list(parseRange), ranges),
    logLevel: read(
      annotations.logLevel,
      (text) => logLevels.find((level) => level === text),
      `one of ${logLevels.join(', ')}`,
    ),
    resources: {
      cpuRequest: quantity(annotations.cpuRequest, '100m') ?? defaults.cpuRequest,
      cpuLimit: quantity(annotations.cpuLimit, '1') ?? defaults.cpuLimit,
      memoryRequest: quantity(annotations.memoryRequest, '128Mi') ?? defaults.memoryRequest,
      memoryLimit: quantity(annotations.memoryLimit, '512Mi') ?? defaults.memoryLimit,
    },
  }
  return { options, problems: [...problems, ...contradictions(options.resources)] }
}

/** Told here, because the API server would speak of a container that the pod's author never wrote. */
function contradictions({ cpuRequest, cpuLimit, memoryRequest, memoryLimit }: Resources): string[] {
  const pairs = [
    [cpuRequest, cpuLimit, annotations.cpuRequest, annotations.cpuLimit],
    [memoryRequest, memoryLimit, annotations.memoryRequest, annotations.memoryLimit],
  ] as const
  return pairs.flatMap(([request, limit, requestKey, limitKey]) => {
    if (request === undefined || limit === undefined) return []
    if (parseQuantity(request)! <= parseQuantity(limit)!) return []
    return [
      `the sidecar would request ${request} with a limit of ${limit}: write ${requestKey} and ${limitKey} to fit`,
    ]
  })
}

/** Answers the items in their canonical form, without repetitions, joined again. */
function list(parse: (text: string) => string | undefined) {
  return (text: string): string | undefined => {
    const items = text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
      .map(parse)
    return items.length === 0 || items.includes(undefined) ? undefined : [...new Set(items)].join(',')
  }
}

function parsePort(text: string): string | undefined {
  return parseExcludedPort(text) === undefined ? undefined : text
}

function parseRange(text: string): string | undefined {
  const range = parseCidr(text)
  return range && formatCidr(range)
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}
