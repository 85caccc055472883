/** A piece of SVG. Only `element` and `text` make it, so that nothing unescaped gets in. */
export type Svg = string & { readonly svg: unique symbol }

export type Attributes = Readonly<Record<string, string | number>>

export function element(name: string, attributes: Attributes, ...children: readonly Svg[]): Svg {
  const list = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeText(format(value))}"`)
  const open = `<${name}${list.join('')}`
  return (children.length === 0 ? `${open}/>` : `${open}>${children.join('')}</${name}>`) as Svg
}

export function text(x: number, y: number, content: string, attributes: Attributes = {}): Svg {
  return element('text', { x, y, ...attributes }, escapeText(content) as Svg)
}

/** A whole document with a white ground, so that it reads the same on a dark page. */
export function svgDocument(
  width: number,
  height: number,
  title: string,
  ...children: readonly Svg[]
): string {
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: 'img',
    'font-family': 'system-ui, sans-serif',
    'font-size': 12,
    fill: '#24292f',
  }
  const label = element('title', {}, escapeText(title) as Svg)
  const ground = element('rect', { width, height, fill: '#ffffff' })
  return `${element('svg', attributes, label, ground, ...children)}\n`
}

function escapeText(content: string): string {
  return content
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

function format(value: string | number): string {
  return typeof value === 'number' ? `${Math.round(value * 100) / 100}` : value
}
