/** requestsQuery is the TraceQL that finds the spans of a service, or of one of its operations. */
export function requestsQuery(service: string, operation?: string): string {
  const conditions = [`resource.service.name = ${JSON.stringify(service)}`];
  if (operation !== undefined) conditions.push(`name = ${JSON.stringify(operation)}`);
  return `{ ${conditions.join(' && ')} }`;
}
