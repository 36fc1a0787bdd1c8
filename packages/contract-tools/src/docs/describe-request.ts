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
  request,
  response,
}: RequestContract): string {
  const [asked, answered] = [request, response].map(({ maxBytes }) => maxBytes.toLocaleString('en'))
  return `Owned by ${owner}, version ${version}, compatibility \`${compatibility}\`, answered within ${timeoutMs.toLocaleString('en')} ms where the caller says nothing else, at most ${asked} bytes asked and ${answered} answered.`
}

export function describeErrors({ errors }: RequestContract): string {
  const own = Object.keys(errors).map((code) => `\`${code}\``)
  const all = RESPONDER_ERRORS.map((code) => `\`${code}\``).join(', ')
  return own.length === 0 ? `Errors: ${all}.` : `Errors: ${own.join(', ')}, and of every responder ${all}.`
}
