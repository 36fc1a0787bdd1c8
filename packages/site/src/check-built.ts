/** A page of the built site by its address there: `/docs/publishing.html`. */
export type BuiltPages = ReadonlyMap<string, string>

/** Addresses that a page or a style sheet loads from another host. A link that a person follows is not loaded. */
export function loadedFromElsewhere(text: string): readonly string[] {
  const loading = [
    /<(?:script|img|iframe|source|video|audio)\b[^>]*?\bsrc="((?:https?:)?\/\/[^"]*)"/g,
    /<link\b[^>]*?\bhref="((?:https?:)?\/\/[^"]*)"/g,
    /\burl\(["']?((?:https?:)?\/\/[^"')]*)/g,
    /@import\s+["']((?:https?:)?\/\/[^"']*)/g,
  ]
  return loading.flatMap((pattern) => [...text.matchAll(pattern)].map(([, address = '']) => address))
}

/** Links to a heading that is not there. VitePress itself checks pages and not headings. */
export function deadAnchors(pages: BuiltPages): readonly string[] {
  return [...pages].flatMap(([address, html]) =>
    [...html.matchAll(/<a\b[^>]*?\bhref="([^":#]*)#([^"]+)"/g)]
      .filter(([, target = '', anchor = '']) => {
        const { pathname } = new URL(target, `http://site${address}`)
        const page = pages.get(decodeURIComponent(pathname.endsWith('/') ? `${pathname}index.html` : pathname))
        return page !== undefined && !page.includes(`id="${decodeURIComponent(anchor)}"`)
      })
      .map(([, target, anchor]) => `${address} links to ${target}#${anchor}`),
  )
}
