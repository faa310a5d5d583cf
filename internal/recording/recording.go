// Package recording holds real OpenTelemetry traffic, recorded from the
// OpenTelemetry demo shop, and replays it without end: every trace with new
// ids, times and identifiers, at a cost that lets a load generator share a
// machine with the server that it measures.
package recording

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// otelDemo is one zstd frame of OTLP ExportTraceServiceRequest messages, each
// after its length as a varint. README.md tells where they come from.
//
//go:embed otel-demo.zst
var otelDemo []byte

// maxDecoded bounds the memory for decompressing the embedded data.
const maxDecoded = 16 << 20

var decoded = sync.OnceValues(func() ([][]byte, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxDecoded), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	data, err := d.DecodeAll(otelDemo, nil)
	if err != nil {
		return nil, fmt.Errorf("recorded traffic: %w", err)
	}
	return split(data)
})

// Requests returns the recorded requests as they were sent: protobuf encoded
// ExportTraceServiceRequest messages. The caller must not change them.
func Requests() ([][]byte, error) { return decoded() }

func split(data []byte) ([][]byte, error) {
	var list [][]byte
	for at := 0; at < len(data); {
		n, w := binary.Uvarint(data[at:])
		if w <= 0 || n > uint64(len(data)-at-w) {
			return nil, fmt.Errorf("recorded traffic: request %d is cut short at byte %d", len(list), at)
		}
		at += w
		end := at + int(n)
		list = append(list, data[at:end:end])
		at = end
	}
	return list, nil
}
