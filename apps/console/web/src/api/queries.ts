import { useInfiniteQuery, useQuery } from '@tanstack/preact-query'
import type {
  AuditPage,
  ChannelDetail,
  ConsumerDetail,
  LetterDetail,
  LetterGroups,
  LetterPage,
  LetterQuery,
  Me,
  MessageFound,
  Requests,
  Schedules,
  Streams,
} from '../../../src/api.ts'
import { get, query, setCsrf } from './client.ts'

/** Ages as numbers: the server takes them from a query, where they are text. */
export type LetterFilter = Omit<LetterQuery, 'limit' | 'after' | 'olderThanMs' | 'newerThanMs'> & {
  olderThanMs?: number
  newerThanMs?: number
}

/** How often a page that is not fed by events asks again. */
const REFRESH_MS = 5_000

export function useMe() {
  return useQuery({
    queryKey: ['me'],
    queryFn: async ({ signal }) => {
      const me = await get<Me>('/api/me', signal)
      setCsrf(me.csrf)
      return me
    },
    staleTime: Infinity,
    retry: false,
  })
}

export function useChannel(name: string) {
  return useQuery({
    queryKey: ['channel', name],
    queryFn: ({ signal }) => get<ChannelDetail>(`/api/channels/${encodeURIComponent(name)}`, signal),
    refetchInterval: REFRESH_MS,
  })
}

export function useConsumer(stream: string, consumer: string) {
  return useQuery({
    queryKey: ['consumer', stream, consumer],
    queryFn: ({ signal }) =>
      get<ConsumerDetail>(`/api/consumers/${encodeURIComponent(stream)}/${encodeURIComponent(consumer)}`, signal),
    refetchInterval: REFRESH_MS,
  })
}

export function useLetters(filter: LetterFilter) {
  return useInfiniteQuery({
    queryKey: ['letters', filter],
    queryFn: ({ signal, pageParam }) =>
      get<LetterPage>(`/api/dead-letters${query({ ...filter, limit: 50, after: pageParam || undefined })}`, signal),
    initialPageParam: '',
    getNextPageParam: (page: LetterPage) => page.next ?? undefined,
  })
}

export function useLetterGroups(filter: LetterFilter) {
  return useQuery({
    queryKey: ['letters', 'groups', filter],
    queryFn: ({ signal }) => get<LetterGroups>(`/api/dead-letters/groups${query(filter)}`, signal),
  })
}

export function useLetter(stream: string, seq: string, reveal: boolean) {
  return useQuery({
    queryKey: ['letters', 'one', stream, seq, reveal],
    queryFn: ({ signal }) =>
      get<LetterDetail>(
        `/api/dead-letters/${encodeURIComponent(stream)}/${encodeURIComponent(seq)}${query({ reveal: reveal || undefined })}`,
        signal,
      ),
  })
}

export function useMessage(id: string, by: string) {
  return useQuery({
    queryKey: ['message', id, by],
    queryFn: ({ signal }) =>
      get<MessageFound>(
        `/api/messages/${encodeURIComponent(id)}${query({ by: by === 'any' ? undefined : by })}`,
        signal,
      ),
    enabled: id !== '',
    refetchInterval: REFRESH_MS,
  })
}

export function useStreams() {
  return useQuery({
    queryKey: ['streams'],
    queryFn: ({ signal }) => get<Streams>('/api/streams', signal),
    refetchInterval: REFRESH_MS,
  })
}

export function useRequests() {
  return useQuery({ queryKey: ['requests'], queryFn: ({ signal }) => get<Requests>('/api/requests', signal) })
}

export function useSchedules() {
  return useQuery({
    queryKey: ['schedules'],
    queryFn: ({ signal }) => get<Schedules>('/api/schedules', signal),
    refetchInterval: REFRESH_MS,
  })
}

export function useAudit() {
  return useInfiniteQuery({
    queryKey: ['audit'],
    queryFn: ({ signal, pageParam }) =>
      get<AuditPage>(`/api/audit${query({ limit: 50, before: pageParam || undefined })}`, signal),
    initialPageParam: 0,
    getNextPageParam: (page: AuditPage) => page.next ?? undefined,
    refetchInterval: REFRESH_MS,
  })
}
