import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/preact-query'
import { render } from 'preact'
import { Route, Switch } from 'wouter-preact'
import { ApiError } from './api/client.ts'
import { useMe } from './api/queries.ts'
import { LanguageProvider, useT } from './i18n/translate.tsx'
import { Audit } from './pages/audit.tsx'
import { Channel } from './pages/channel.tsx'
import { Consumer } from './pages/consumer.tsx'
import { DeadLetters } from './pages/dead-letters.tsx'
import { Letter } from './pages/letter.tsx'
import { Login } from './pages/login.tsx'
import { Message } from './pages/message.tsx'
import { Overview } from './pages/overview.tsx'
import { Requests } from './pages/requests.tsx'
import { Schedules } from './pages/schedules.tsx'
import { Streams } from './pages/streams.tsx'
import { Shell } from './shell.tsx'
import './styles/tokens.css'
import './styles/base.css'
import './styles/layout.css'
import './styles/parts.css'
import './styles/map.css'
import './styles/plot.css'
import './styles/pages.css'
import { Failure, Waiting } from './ui/loaded.tsx'
import { Empty, Page } from './ui/page.tsx'
import { applyTheme, storedTheme } from './ui/theme.ts'

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // What the server refused it refuses again; what got no answer may get one.
      retry: (count, error) => count < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      staleTime: 1_000,
    },
  },
  queryCache: new QueryCache({
    onError: (error, query) => {
      // The session ended while the page was open: the login page comes up in its place.
      if (error instanceof ApiError && error.status === 401 && query.queryKey[0] !== 'me') {
        void queries.resetQueries({ queryKey: ['me'] })
      }
    },
  }),
})

function App() {
  const me = useMe()
  if (me.error instanceof ApiError && me.error.status === 401) return <Login />
  if (!me.data && me.error) {
    return (
      <main class="login">
        <Failure error={me.error} retry={me.refetch} />
      </main>
    )
  }
  if (!me.data) return <Waiting />
  return (
    <Shell me={me.data}>
      <Switch>
        <Route path="/" component={Overview} />
        <Route path="/channels/:name">{({ name }) => <Channel key={name} name={name} />}</Route>
        <Route path="/consumers/:stream/:consumer">
          {({ stream, consumer }) => <Consumer key={`${stream}/${consumer}`} stream={stream} consumer={consumer} />}
        </Route>
        <Route path="/dead-letters" component={DeadLetters} />
        <Route path="/dead-letters/:stream/:seq">
          {({ stream, seq }) => <Letter key={`${stream}/${seq}`} stream={stream} seq={seq} />}
        </Route>
        <Route path="/messages" component={Message} />
        <Route path="/streams" component={Streams} />
        <Route path="/requests" component={Requests} />
        <Route path="/schedules" component={Schedules} />
        <Route path="/audit" component={Audit} />
        <Route component={NoPage} />
      </Switch>
    </Shell>
  )
}

function NoPage() {
  const t = useT()
  return (
    <Page title={t('noPage')}>
      <div class="card">
        <Empty title={t('noPageHint')} />
      </div>
    </Page>
  )
}

applyTheme(storedTheme())
const root = document.getElementById('app')
if (root) {
  render(
    <QueryClientProvider client={queries}>
      <LanguageProvider>
        <App />
      </LanguageProvider>
    </QueryClientProvider>,
    root,
  )
}
