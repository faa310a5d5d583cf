import { expect, it } from 'vitest';
import { fromJaegerSearch } from './jaegerLinks';

it('keeps the meaning of a search of Jaeger', () => {
  const params = {
    service: 'front end',
    operation: 'GET /cart',
    tags: '{"http.status_code":"500","error":"true"}',
    minDuration: '100ms',
    lookback: '2d',
    limit: '20',
    start: '1752242940000000',
    end: '1752242950000000',
  };
  expect(fromJaegerSearch(params)).toEqual({
    q: 'service="front end" operation="GET /cart" duration >= 100ms http.status_code=500 error=true',
    from: 'now-2d',
  });
});

it('takes a range of microseconds, and leaves out what it does not know', () => {
  expect(fromJaegerSearch({ operation: 'all', lookback: 'custom', start: '1752242940000000', end: '1752242950000000', tags: '{' })).toEqual({
    q: '',
    from: '1752242940000',
    to: '1752242950000',
  });
});
