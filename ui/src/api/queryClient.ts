import { QueryClient } from '@tanstack/react-query';
import { ApiError } from './client';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // A query over a fixed range may be asked again at will; nobody's focus needs that.
      refetchOnWindowFocus: false,
      staleTime: 60_000,
      // What the server refused it will refuse again.
      retry: (failures, error) => failures < 1 && !(error instanceof ApiError && error.isRefusal),
      // A server on this machine is there without any network.
      networkMode: 'always',
    },
  },
});
