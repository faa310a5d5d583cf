import { expect, it } from 'vitest';
import { fromJaegerSearch, tracesOfSearch } from './jaegerLinks';

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
  expect(fromJaegerSearch(new URLSearchParams(params))).toEqual({
    q: 'service="front end" operation="GET /cart" duration >= 100ms http.status_code=500 error=true',
    from: 'now-2d',
  });
});

it('takes a range of microseconds, and leaves out what it does not know', () => {
  expect(fromJaegerSearch(new URLSearchParams({ operation: 'all', lookback: 'custom', start: '1752242940000000', end: '1752242950000000', tags: '{' }))).toEqual({
    q: '',
    from: '1752242940000',
    to: '1752242950000',
  });
});

it.each([
  ['tag=error:true&tag=http.url:http://a/b%3Fc', 'error=true http.url="http://a/b?c"'],
  ['tags=%7B%22a%22%3A%22b%22%7D&tags=%7B%22c%22%3A1%7D', 'a=b c=1'],
  ['tags=error%3Dtrue+http.method%3D%22GET+%5C%22x%5C%22%22', 'error=true http.method="GET \\"x\\""'],
  ['traceID=A1&traceID=b2&service=s', '{ trace:id = "a1" || trace:id = "b2" }'],
])('%s asks for %s', (search, q) => expect(fromJaegerSearch(new URLSearchParams(search)).q).toBe(q));

it('knows the traces that are named', () => {
  expect(tracesOfSearch(new URLSearchParams('traceID=%20A1&traceID='))).toEqual(['a1']);
});
