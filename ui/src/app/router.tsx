import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { ErrorMessage } from '../parts/Message';
import { fromJaegerSearch, tracesOfSearch } from './jaegerLinks';
import { basePath } from './server';
import { NotFound, Shell } from './Shell';
import { formatParams, parseParams, type Params } from './url';

const root = createRootRoute({ component: Shell, validateSearch: (params): Params => params as Params });

// Each page is a chunk of its own, loaded when it is first opened.
const explore = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: lazyRouteComponent(() => import('../explore/ExplorePage')),
});
const compare = createRoute({
  getParentRoute: () => root,
  path: '/compare',
  component: lazyRouteComponent(() => import('../compare/ComparePage')),
});
const differs = createRoute({
  getParentRoute: () => root,
  path: '/differs',
  component: lazyRouteComponent(() => import('../compare/DiffersPage')),
});
const services = createRoute({
  getParentRoute: () => root,
  path: '/services',
  component: lazyRouteComponent(() => import('../services/ServicesPage')),
});
const quality = createRoute({
  getParentRoute: () => root,
  path: '/quality',
  component: lazyRouteComponent(() => import('../quality/QualityPage')),
});
const map = createRoute({
  getParentRoute: () => root,
  path: '/map',
  component: lazyRouteComponent(() => import('../map/MapPage')),
});
const upload = createRoute({
  getParentRoute: () => root,
  path: '/upload',
  component: lazyRouteComponent(() => import('../upload/UploadPage')),
});

// Links that were made for Jaeger's pages keep their meaning.
const trace = createRoute({
  getParentRoute: () => root,
  path: '/trace/$traceId',
  beforeLoad: ({ params: { traceId }, search }) => {
    const [a, b] = traceId.split('...');
    if (b !== undefined) throw redirect({ to: '/compare', search: { a, b } });
    if (search.uiFind !== undefined) {
      throw redirect({ to: '/trace/$traceId', params: { traceId }, search: { find: search.uiFind } });
    }
  },
  component: lazyRouteComponent(() => import('../trace/TracePage')),
});
const jaegerSearch = createRoute({
  getParentRoute: () => root,
  path: '/search',
  beforeLoad: () => {
    const search = new URLSearchParams(window.location.search); // the router keeps one of each
    const [traceId, another] = tracesOfSearch(search);
    if (traceId && !another) throw redirect({ to: '/trace/$traceId', params: { traceId } });
    throw redirect({ to: '/', search: fromJaegerSearch(search) });
  },
});
const jaegerDependencies = createRoute({
  getParentRoute: () => root,
  path: '/dependencies',
  beforeLoad: () => {
    throw redirect({ to: '/map' });
  },
});
const jaegerDeepDependencies = createRoute({
  getParentRoute: () => root,
  path: '/deep-dependencies',
  beforeLoad: ({ search }) => {
    throw redirect({ to: '/map', search: { focus: search.service } });
  },
});
const jaegerMonitor = createRoute({
  getParentRoute: () => root,
  path: '/monitor',
  beforeLoad: ({ search }) => {
    throw redirect({ to: '/services', search: { service: search.service } });
  },
});
const jaegerQualityMetrics = createRoute({
  getParentRoute: () => root,
  path: '/quality-metrics',
  beforeLoad: ({ search }) => {
    throw redirect({ to: '/quality', search: { service: search.service } });
  },
});

const pages = [explore, trace, compare, differs, services, quality, map, upload];
const jaegerLinks = [jaegerSearch, jaegerDependencies, jaegerDeepDependencies, jaegerMonitor, jaegerQualityMetrics];

export const router = createRouter({
  routeTree: root.addChildren([...pages, ...jaegerLinks]),
  basepath: basePath,
  parseSearch: parseParams,
  stringifySearch: formatParams,
  scrollRestoration: true,
  defaultPreload: 'intent',
  defaultNotFoundComponent: NotFound,
  defaultErrorComponent: ({ error, reset }) => (
    <div className="page">
      <ErrorMessage what="This page could not be shown" error={error} onRetry={reset} />
    </div>
  ),
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
