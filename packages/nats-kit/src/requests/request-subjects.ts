import type { App, RequestContract } from '@alarm-bus/contracts'

/** What a caller publishes on. */
export function requestSubjects(request: RequestContract): readonly string[] {
  return [request.subject]
}

/** What a responder subscribes to: with its instances as one queue group, as the broker's permissions write it. */
export function responderSubscription(app: Pick<App, 'name'>, request: RequestContract): string {
  return `${request.subject} ${app.name}`
}
