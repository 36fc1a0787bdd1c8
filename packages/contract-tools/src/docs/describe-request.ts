import { type RequestContract, RESPONDER_ERRORS } from '@alarm-bus/contracts'

/** What a team has to know of a request, in sentences. */
export function describeRequest(request: RequestContract): string {
  return [request.description, describeTerms(request), describeErrors(request)].join(' ')
}

export function describeTerms({
  owner,
  version,
  compatibility,
  timeoutMs,
  stored,
  request,
  response,
}: RequestContract): string {
  const [asked, answered] = [request, response].map(({ maxBytes }) => maxBytes.toLocaleString('en'))
  const times = stored
    ? `stored, with ${timeoutMs.toLocaleString('en')} ms until its deadline where the caller says nothing else, its answer kept for ${stored.keepReplyMs.toLocaleString('en')} ms`
    : `answered within ${timeoutMs.toLocaleString('en')} ms where the caller says nothing else`
  return `Owned by ${owner}, version ${version}, compatibility \`${compatibility}\`, ${times}, at most ${asked} bytes asked and ${answered} answered.`
}

export function describeErrors({ errors }: RequestContract): string {
  const own = Object.keys(errors).map((code) => `\`${code}\``)
  const all = RESPONDER_ERRORS.map((code) => `\`${code}\``).join(', ')
  return own.length === 0 ? `Errors: ${all}.` : `Errors: ${own.join(', ')}, and of every responder ${all}.`
}
