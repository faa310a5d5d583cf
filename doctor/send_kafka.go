package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/gogo/protobuf/jsonpb"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/zipkincore"
	zipkinthrift "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinthriftconverter"
	zipkinmodel "github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/clewhq/clew/span"
)

// kafkaEncodings make the message that the server takes from Kafka, by the names of its setting.
var kafkaEncodings = map[string]func(*testSpan) ([]byte, error){
	"otlp_proto":   func(t *testSpan) ([]byte, error) { return t.otlp().MarshalProto() },
	"otlp_json":    func(t *testSpan) ([]byte, error) { return t.otlp().MarshalJSON() },
	"jaeger_proto": func(t *testSpan) ([]byte, error) { return t.jaeger().Marshal() },
	"jaeger_json": func(t *testSpan) ([]byte, error) {
		var text bytes.Buffer
		err := new(jsonpb.Marshaler).Marshal(&text, t.jaeger())
		return text.Bytes(), err
	},
	"zipkin_json":   func(t *testSpan) ([]byte, error) { return json.Marshal(t.zipkin(false)) },
	"zipkin_proto":  (*testSpan).zipkinProto,
	"zipkin_thrift": (*testSpan).zipkinThrift,
}

// kafkaSender sends a test span to a topic.
func kafkaSender(k *Kafka, topic string) sender {
	return sender{name: "Kafka, topic " + topic, send: func(ctx context.Context, _, tenant string, t *testSpan) error {
		encode := kafkaEncodings[k.Encoding]
		if encode == nil {
			return fmt.Errorf("this version of clew knows no messages in %q", k.Encoding)
		}
		message, err := encode(t)
		if err != nil {
			return err
		}
		opts := []kgo.Opt{kgo.SeedBrokers(k.Brokers...), kgo.ClientID(span.ProbeAgent), kgo.UnknownTopicRetries(0), kgo.RecordDeliveryTimeout(sendTimeout)}
		if k.TLS {
			opts = append(opts, kgo.DialTLSConfig(new(tls.Config)))
		}
		client, err := kgo.NewClient(opts...)
		if err != nil {
			return err
		}
		defer client.Close()
		if err := client.Ping(ctx); err != nil { // of which producing would not tell
			return err
		}
		record := &kgo.Record{Topic: topic, Value: message}
		if tenant != "" {
			record.Headers = []kgo.RecordHeader{{Key: span.TenantHeader, Value: []byte(tenant)}}
		}
		return client.ProduceSync(ctx, record).FirstErr()
	}}
}

func (t *testSpan) zipkinProto() ([]byte, error) {
	hi, lo := t.trace.Uint64s()
	return zipkin_proto3.SpanSerializer{}.Serialize([]*zipkinmodel.SpanModel{{
		SpanContext: zipkinmodel.SpanContext{TraceID: zipkinmodel.TraceID{High: hi, Low: lo}, ID: zipkinmodel.ID(t.id.Uint64())},
		Name:        testSpanName, Timestamp: t.start, Duration: testSpanTook,
		LocalEndpoint: &zipkinmodel.Endpoint{ServiceName: Service}, Tags: map[string]string{testAttribute: t.trace.String()},
	}})
}

func (t *testSpan) zipkinThrift() ([]byte, error) {
	hi, lo := t.trace.Uint64s()
	high, start, took := int64(hi), t.start.UnixMicro(), testSpanTook.Microseconds()
	host := &zipkincore.Endpoint{ServiceName: Service}
	text := func(key, value string) *zipkincore.BinaryAnnotation {
		return &zipkincore.BinaryAnnotation{Key: key, Value: []byte(value), AnnotationType: zipkincore.AnnotationType_STRING, Host: host}
	}
	return zipkinthrift.SerializeThrift(context.Background(), []*zipkincore.Span{{
		TraceID: int64(lo), TraceIDHigh: &high, ID: int64(binary.BigEndian.Uint64(t.id[:])), Name: testSpanName, Timestamp: &start, Duration: &took,
		BinaryAnnotations: []*zipkincore.BinaryAnnotation{text("lc", ""), text(testAttribute, t.trace.String())},
	}})
}
