package ingest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogo/protobuf/jsonpb"
	zipkinthrift "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinthriftconverter"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
)

// startBroker starts Apache Kafka with topics, and returns a client of it.
func startBroker(t *testing.T) (addr string, client *kgo.Client) {
	t.Helper()
	addr, client = testkit.Kafka(t, "testdata/kafka/pom.xml")
	admin := kadm.NewClient(client)
	for partitions, topics := range map[int32][]string{2: slices.Collect(maps.Keys(kafkaEncodings)), 1: {"spans", "large"}} {
		answers, err := admin.CreateTopics(t.Context(), partitions, 1, nil, topics...)
		if err := errors.Join(err, answers.Error()); err != nil {
			t.Fatal(err)
		}
	}
	return addr, client
}

// kafkaMessages has a message with spans for each encoding, and how many spans it has.
func kafkaMessages(t *testing.T) map[string][]byte {
	t.Helper()
	batch := protoBatch()
	s := batch.Spans[0]
	s.Process = batch.Process
	jaegerProto, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var jaegerJSON bytes.Buffer
	if err := new(jsonpb.Marshaler).Marshal(&jaegerJSON, s); err != nil {
		t.Fatal(err)
	}
	thrift, err := zipkinthrift.SerializeThrift(t.Context(), zipkinThrift())
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"otlp_proto":    recorded(t)[0],
		"otlp_json":     []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"x"}]}]}]}`),
		"jaeger_proto":  jaegerProto,
		"jaeger_json":   jaegerJSON.Bytes(),
		"zipkin_proto":  encodeZipkin(t, zipkinV2Text),
		"zipkin_json":   []byte(zipkinV2Text),
		"zipkin_thrift": thrift,
	}
}

// waiting is a sink that tells when it has as many spans as somebody waits for.
type waiting struct {
	store
	enough chan struct{}
	want   int
	once   sync.Once
}

func (w *waiting) Consume(ctx context.Context, tenant string, b *span.Batch) error {
	if err := w.store.Consume(ctx, tenant, b); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, spans := range w.spans {
		n += len(spans)
	}
	if n >= w.want {
		w.once.Do(func() { close(w.enough) })
	}
	return nil
}

// consume reads a topic until the sink has the spans that it wants, or until dead letters are there.
func consume(t *testing.T, cfg KafkaConfig, sink Sink, until <-chan struct{}) *Receiver {
	t.Helper()
	r := newTestReceiver(t, sink, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(t.Output(), nil)) })
	k, err := r.Kafka(cfg)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- k.Serve() }()
	select {
	case <-until:
	case <-t.Context().Done():
	}
	if err := k.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	return r
}

func send(t *testing.T, client *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// firstRecord waits for a record of a topic.
func firstRecord(t *testing.T, addr, topic string) *kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for {
		fetches := client.PollRecords(t.Context(), 1)
		if records := fetches.Records(); len(records) > 0 {
			return records[0]
		}
		t.Log(fetches.Err()) // such as that the topic is not known yet
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKafka(t *testing.T) {
	addr, client := startBroker(t)
	t.Run("encodings", func(t *testing.T) { testKafkaEncodings(t, addr, client) })
	t.Run("a dead letter that is too large", func(t *testing.T) { testKafkaLargeLetter(t, addr, client) })
	t.Run("offsets and dead letters", func(t *testing.T) { testKafkaOffsets(t, addr, client) })
}

func testKafkaEncodings(t *testing.T, addr string, client *kgo.Client) {
	for encoding, message := range kafkaMessages(t) {
		t.Run(encoding, func(t *testing.T) {
			send(t, client, &kgo.Record{Topic: encoding, Value: message, Headers: []kgo.RecordHeader{{Key: "X-Scope-OrgID", Value: []byte("blue")}}})
			w := &waiting{enough: make(chan struct{}), want: 1}
			consume(t, KafkaConfig{Brokers: []string{addr}, Topics: []string{encoding}, Group: encoding, Encoding: encoding}, w, w.enough)
			if len(w.spans["blue"]) == 0 {
				t.Errorf("spans of %v", slices.Collect(maps.Keys(w.spans)))
			}
		})
	}
}

// Messages whose spans are not stored are read again; those that cannot be read are kept apart.
func testKafkaOffsets(t *testing.T, addr string, client *kgo.Client) {
	const topic = "spans"
	cfg := KafkaConfig{Brokers: []string{addr}, Topics: []string{topic}, Group: "clew", Encoding: "zipkin_json", DeadLetters: "spans-dead",
		DurableAfter: 20 * time.Millisecond}
	good := &kgo.Record{Topic: topic, Value: []byte(zipkinV2Text)}
	poison := &kgo.Record{Topic: topic, Key: []byte("k"), Value: []byte("{")}
	send(t, client, good, poison, good)

	refused := make(chan struct{}, 100)
	broken := sinkFunc(func(context.Context, string, *span.Batch) error {
		refused <- struct{}{}
		return &retryError{time.Millisecond, true}
	})
	consume(t, cfg, broken, refused)

	w := &waiting{enough: make(chan struct{}), want: 2}
	r := consume(t, cfg, w, w.enough)
	if n := len(w.spans[testTenant]); n != 2 {
		t.Errorf("%d spans, want 2", n)
	}
	if n := testutil.ToFloat64(r.metrics.requests.WithLabelValues(protocolKafka, "dead_letter")); n != 1 {
		t.Errorf("%v dead letters, want 1", n)
	}

	letter := firstRecord(t, addr, "spans-dead")
	var about []string
	for _, h := range letter.Headers {
		about = append(about, h.Key+"="+string(h.Value))
	}
	if got := string(letter.Key) + string(letter.Value) + strings.Join(about, " "); got !=
		"k{clew-error=malformed request: it is not a list of spans clew-topic=spans clew-partition=0 clew-offset=1" {
		t.Errorf("dead letter: %s", got)
	}

	// What was stored is not read again.
	send(t, client, good)
	w = &waiting{enough: make(chan struct{}), want: 1}
	consume(t, cfg, w, w.enough)
	if n := len(w.spans[testTenant]); n != 1 {
		t.Errorf("%d spans after a restart, want 1", n)
	}
}

// A message that has no room for what is told of it holds up nothing: that is kept without it.
func testKafkaLargeLetter(t *testing.T, addr string, client *kgo.Client) {
	const topic, size = "large", 999_900
	value := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(value) // which no compression makes smaller
	send(t, client, &kgo.Record{Topic: topic, Value: value}, &kgo.Record{Topic: topic, Value: []byte(zipkinV2Text)})
	w := &waiting{enough: make(chan struct{}), want: 1}
	consume(t, KafkaConfig{Brokers: []string{addr}, Topics: []string{topic}, Group: topic, Encoding: "zipkin_json", DeadLetters: "large-dead"}, w, w.enough)
	letter := firstRecord(t, addr, "large-dead")
	last := letter.Headers[len(letter.Headers)-1]
	if len(letter.Value) != 0 || last.Key != "clew-omitted-bytes" || string(last.Value) != strconv.Itoa(size) {
		t.Errorf("%d bytes, %v", len(letter.Value), letter.Headers)
	}
}

func TestKafkaEncodingIsKnown(t *testing.T) {
	_, err := newTestReceiver(t, &store{}, nil).Kafka(KafkaConfig{Encoding: "avro"})
	if want := `kafka: encoding "avro" is none of jaeger_json, jaeger_proto, otlp_json, otlp_proto, zipkin_json, zipkin_proto, zipkin_thrift`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
