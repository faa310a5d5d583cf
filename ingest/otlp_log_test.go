package ingest

import (
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/span"
)

// A record that comes as JSON and as protobuf is one: its id, which is made of all that it has, is the same.
func TestLogRecordInTwoEncodings(t *testing.T) {
	const nested = `{"kvlistValue":{"values":[
		{"key":"order","value":{"kvlistValue":{"values":[{"key":"id","value":{"intValue":"4711"}},{"key":"","value":{"stringValue":""}}]}}},
		{"key":"items","value":{"arrayValue":{"values":[{"doubleValue":1.5},{"boolValue":false},{"bytesValue":"3q2+7w=="},{"arrayValue":{}},{}]}}},
		{"key":"note","value":{}}]}}`
	record := func(value string) []byte {
		return []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"` + traceA.String() + `","spanId":"` + spanA.String() + `",
			"timeUnixNano":"7","observedTimeUnixNano":"8","severityNumber":13,"severityText":"WARN","eventName":"sold","flags":1,
			"body":` + value + `,"attributes":[{"key":"a","value":` + value + `}]}]}]}]}`)
	}
	id := func(format span.Format, raw []byte) span.SpanID {
		t.Helper()
		b := new(span.Batch)
		if rejected, err := DecodeOTLP(format, raw, b, Limits{}); err != nil || rejected.Count > 0 || b.Len() != 1 {
			t.Fatalf("%+v, %v, %d records of %s", rejected, err, b.Len(), raw)
		}
		return b.SpanIDs[0]
	}
	text := record(nested)
	request := plogotlp.NewExportRequest()
	if err := request.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	raw, err := request.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	want := id(span.FormatLogsProto, raw) // in which a pair has its value before its key
	var message collogs.ExportLogsServiceRequest
	if err := proto.Unmarshal(raw, &message); err != nil {
		t.Fatal(err)
	}
	ordered, err := proto.Marshal(&message)
	if err != nil {
		t.Fatal(err)
	}
	if got := id(span.FormatLogsProto, ordered); got != want {
		t.Errorf("by another encoder of protobuf: the id is %s, want %s", got, want)
	}
	behind := strings.NewReplacer(`{"key":"id","value":{"intValue":"4711"}}`, `{"value":{"intValue":4711},"key":"id"}`,
		`{"key":"items","value":`, `{"value":`, `{}]}}},`, `{}]}},"key":"items"},`, `{"key":"","value"`, `{"value"`)
	for what, value := range map[string]string{"as it is": nested, "keys behind values": behind.Replace(nested)} {
		if got := id(span.FormatLogsJSON, record(value)); got != want {
			t.Errorf("%s: the id is %s, want %s", what, got, want)
		}
	}
	if other := id(span.FormatLogsJSON, record(strings.Replace(nested, "4711", "4712", 1))); other == want {
		t.Error("another record has the same id")
	}
}
