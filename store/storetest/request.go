package storetest

import (
	"bytes"
	"encoding/gob"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// EncodeSpans returns spans as bytes that DecodeSpans reads: a request for
// stores that keep requests as they came. OTLP would not do, as it cannot say
// all that a Batch can hold.
func EncodeSpans(t testing.TB, spans []span.Span) []byte {
	var raw bytes.Buffer
	if err := gob.NewEncoder(&raw).Encode(spans); err != nil {
		t.Fatal(err)
	}
	return raw.Bytes()
}

// DecodeSpans appends what EncodeSpans encoded to b, whatever the format is.
func DecodeSpans(_ span.Format, raw []byte, b *span.Batch) error {
	var spans []span.Span
	if err := gob.NewDecoder(bytes.NewReader(raw)).Decode(&spans); err != nil {
		return err
	}
	for i := range spans {
		b.Append(&spans[i])
	}
	return nil
}

// WriteSpans writes spans of the default tenant as one batch, if there are any.
func WriteSpans(t testing.TB, w store.Writer, spans []span.Span) {
	t.Helper()
	if len(spans) == 0 {
		return
	}
	b := &span.Batch{Raw: EncodeSpans(t, spans), Format: span.FormatOTLPProto, Received: time.Now()}
	for i := range spans {
		b.Append(&spans[i])
	}
	if err := w.Write(t.Context(), store.DefaultTenant, b); err != nil {
		t.Fatal(err)
	}
}
