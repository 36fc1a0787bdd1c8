import type { FastifyRequest } from 'fastify'
import type { Audit } from '../audit/audit.ts'
import { notAllowed } from './guard.ts'

/** Whether sensitive values are asked for: an operator may see them, and it is written down first. */
export async function revealOf(request: FastifyRequest, audit: Audit, target: string): Promise<boolean> {
  const { reveal } = request.query as { readonly reveal?: unknown }
  const { session } = request
  if (reveal !== 'true' || !session) return false
  if (session.person.role !== 'operator') throw notAllowed('an operator')
  const act = await audit.begin({ session, from: request.ip, action: 'reveal', target })
  await act.end('done', '')
  return true
}
