/** Shows nothing, and stands between what would mean something together. */
const ZERO_WIDTH = '\u200b'
/** After a letter or a digit of ASCII it is part of an address of mail; after all else some chat takes it for a call. */
const CALL = /(?<![A-Za-z0-9])@(?=\S)/g
/** Markdown's links and pictures, and the lines that say where one leads. */
const LINK = /\](?=[([:])/g
/** With its path and what follows in a group of its own. */
const WEB_ADDRESS = /(https?:\/\/[^\s/?#<>]+)([/?#][^\s<>]*)?/gi

/**
 * A text that chats show as it was published: it mentions no one, whatever name it has, and hides no address behind a text
 * or a picture. For chats that have no way to say so, or where several speak one language (Slack's webhooks).
 */
export function plainWords(text: string): string {
  return text
    .replaceAll(WEB_ADDRESS, (_, host: string, rest = '') => host + rest.replaceAll(CALL, '%40'))
    .replaceAll(CALL, `@${ZERO_WIDTH}`)
    .replaceAll(LINK, `]${ZERO_WIDTH}`)
}
