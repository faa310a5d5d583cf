import { useSyncExternalStore } from 'react';
import type { TraceModel } from './model';

/** What `read` takes from the model; the component is rendered anew when that is another value. */
export function useModel<T>(model: TraceModel, read: (model: TraceModel) => T): T {
  return useSyncExternalStore(model.subscribe, () => read(model));
}
