// Written by `pnpm pins`, from the official release's SHA256SUMS.

/** SHA-256 of the archives of the pinned nats-server, in hex, by file name. */
export const RELEASE_HASHES: Readonly<Record<string, string>> = {}
