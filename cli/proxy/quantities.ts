/** Bytes in the largest unit that leaves a number of at least 1, e.g. `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  const exponent = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10))
  if (exponent === 0) return `${bytes} B`
  return `${(bytes / 1024 ** exponent).toFixed(1)} ${units[exponent]}`
}

/** Seconds in their two largest units, e.g. `3m 12s`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3_600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'm'],
    [whole % 60, 's'],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  if (first === -1) return '0s'
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ')
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const
