/** An image that a Dockerfile or a compose file names. */
export interface ImageReference {
  /** Host of the registry, for example `docker.io`. */
  readonly registry: string
  /** For example `library/node`. */
  readonly repository: string
  readonly tag: string
  /** `sha256:…` in hex; undefined where the tag alone stands. */
  readonly digest: string | undefined
  /** The tag's own name, alike for every way to write it: `docker.io/library/node:26-slim`. */
  readonly name: string
}

export interface ImagesOfFile {
  readonly images: readonly ImageReference[]
  /** What is written where an image belongs and is neither `image:tag` nor that with a digest. */
  readonly unreadable: readonly string[]
}

/** Where one is named: `FROM`, `COPY --from`, `RUN --mount=…,from=`, `# syntax=` and `image:`. */
const PLACE =
  /^(?:[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*|#[ \t]*syntax=|[ \t]*COPY[ \t].*?--from=|[ \t]*RUN[ \t].*?--mount=\S*?\bfrom=|[^#\n]*\bimage:[ \t]*)["']?([^\s"',}]+)/gim
const STAGE = /^[ \t]*FROM[ \t].*[ \t]AS[ \t]+(\S+)/gim
const REFERENCE = /^((?:[\w.-]+(?::\d+)?\/)?(?:[\w.-]+\/)*[\w.-]+):(\w[\w.-]{0,127})(?:@(sha256:[0-9a-f]{64}))?$/

/** The images of a file that come from a registry: no stage of the file itself, and nothing with the tag `local`. */
export function imagesIn(text: string): ImagesOfFile {
  const written = Array.from(text.matchAll(PLACE), ([, one = '']) => one).filter(foreignIn(text))
  return {
    images: written.flatMap((one) => parseReference(one) ?? []),
    unreadable: written.filter((one) => parseReference(one) === undefined),
  }
}

/** The text with each image's digest behind its tag; what `digests` does not name stays as it is. */
export function pinImages(text: string, digests: ReadonlyMap<string, string>): string {
  const isForeign = foreignIn(text)
  return text.replaceAll(PLACE, (place: string, written: string) => {
    const digest = isForeign(written) ? digests.get(parseReference(written)?.name ?? '') : undefined
    if (digest === undefined) return place
    return `${place.slice(0, -written.length)}${written.split('@')[0]}@${digest}`
  })
}

/** undefined for a name without a tag, for a variable, and for a digest that is none. */
function parseReference(written: string): ImageReference | undefined {
  const [, path, tag, digest] = REFERENCE.exec(written) ?? []
  if (path === undefined || tag === undefined) return undefined
  const [first = '', ...rest] = path.split('/')
  const hasHost = rest.length > 0 && /[.:]|^localhost$/.test(first)
  const registry = hasHost ? first : 'docker.io'
  const below = hasHost ? rest.join('/') : path
  const repository = registry === 'docker.io' && !below.includes('/') ? `library/${below}` : below
  return { registry, repository, tag, digest, name: `${registry}/${repository}:${tag}` }
}

function foreignIn(text: string): (written: string) => boolean {
  const stages = new Set(Array.from(text.matchAll(STAGE), ([, stage]) => stage?.toLowerCase()))
  return (written) =>
    written !== 'scratch' && !/^\d+$/.test(written) && !written.endsWith(':local') && !stages.has(written.toLowerCase())
}
