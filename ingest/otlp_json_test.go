package ingest

import "testing"

// protoToJSON writes a request as OTLP/JSON.
func protoToJSON(t testing.TB, raw []byte) []byte { return toJSON(t, raw) }
