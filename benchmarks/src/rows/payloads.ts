/** Bytes of a message as JSON. */
export const PAYLOADS = [128, 256, 4_096] as const
/** The payload that the goals are stated for. */
export const MAIN_PAYLOAD = 256
