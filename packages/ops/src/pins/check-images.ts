import { imagesIn } from './image-references.ts'
import type { PinnedFile } from './pinned-files.ts'

export interface ImagesCheck {
  readonly problems: readonly string[]
  /** Names of images without a digest anywhere, with the files that name them. */
  readonly unpinned: readonly string[]
}

/** Every image has one digest, the same in every file, or none in any. */
export function checkImages(files: readonly PinnedFile[]): ImagesCheck {
  const problems: string[] = []
  const unpinned: string[] = []
  const images = new Map<string, Map<string, Set<string>>>()
  for (const { path, text } of files) {
    const found = imagesIn(text)
    for (const one of found.unreadable) {
      problems.push(`${path} names ${JSON.stringify(one)}, which is not image:tag or image:tag@sha256:<64 hex digits>`)
    }
    for (const { name, digest = 'no digest' } of found.images) {
      const digests = images.get(name) ?? new Map<string, Set<string>>()
      images.set(name, digests.set(digest, (digests.get(digest) ?? new Set()).add(path)))
    }
  }
  for (const [name, digests] of images) {
    const where = [...digests].map(([digest, paths]) => `${digest} in ${[...paths].join(', ')}`)
    if (digests.size > 1) problems.push(`${name} has ${where.join(' and ')}`)
    else if (digests.has('no digest')) unpinned.push(`${name} has ${where.join()}`)
  }
  return { problems, unpinned }
}
