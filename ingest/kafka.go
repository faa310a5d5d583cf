package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/clewhq/clew/span"
)

// KafkaConfig says what to read from Kafka, and how.
type KafkaConfig struct {
	Brokers []string // HOST:PORT
	Topics  []string
	// Group is the consumer group, which shares the partitions and keeps the offsets.
	Group string
	// Encoding is what a message has: a key of kafkaEncodings.
	Encoding string
	// DeadLetters is the topic that gets the messages that cannot be read; "" drops them.
	DeadLetters string
	// DurableAfter is how long after the sink took a message it survives a
	// power cut; only then is its offset committed.
	DurableAfter time.Duration
	// Options are of the connection: TLS, SASL.
	Options []kgo.Opt
}

// kafkaEncodings are what a message may have, by the names that the Collector's
// Kafka exporter and Jaeger use. Those without a translator are OTLP.
var kafkaEncodings = map[string]translator{
	"otlp_proto":    nil,
	"otlp_json":     nil,
	"jaeger_proto":  jaegerSpanProto,
	"jaeger_json":   jaegerSpanJSON,
	"zipkin_proto":  zipkinProto(false),
	"zipkin_json":   zipkinAnyJSON,
	"zipkin_thrift": zipkinV1Thrift,
}

// KafkaEncodings returns the encodings that a message may have.
func KafkaEncodings() []string { return slices.Sorted(maps.Keys(kafkaEncodings)) }

// Kafka reads spans from Kafka. The offset of a message is committed only when
// its spans are durable or it is among the dead letters. After a crash some
// messages are read again; the store keeps equal spans once.
type Kafka struct {
	receiver *Receiver
	cfg      KafkaConfig
	client   *kgo.Client
	ctx      context.Context // of the work; ends when Shutdown begins
	stop     context.CancelFunc
	done     chan struct{} // closed when Serve has ended
	stored   []storedRecords
}

// storedRecords are records whose offsets are not committed yet.
type storedRecords struct {
	at      time.Time // when the last of them was stored
	records []*kgo.Record
}

const (
	kafkaPoll  = 500             // records that are stored before the next are asked for
	kafkaRetry = time.Second     // between attempts to store what the store refuses
	kafkaFetch = 16 << 20        // bytes of one answer of a broker
	kafkaEnd   = 5 * time.Second // bounds the last commit
)

// Kafka returns a reader of Kafka. It connects when it is served.
func (r *Receiver) Kafka(cfg KafkaConfig) (*Kafka, error) {
	if _, ok := kafkaEncodings[cfg.Encoding]; !ok {
		return nil, fmt.Errorf("kafka: encoding %q is none of %s", cfg.Encoding, strings.Join(KafkaEncodings(), ", "))
	}
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(cfg.Brokers...),
		kgo.ClientID("clew"),
		kgo.ConsumerGroup(cfg.Group),
		kgo.ConsumeTopics(cfg.Topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.BlockRebalanceOnPoll(),
		kgo.DisableAutoCommit(),
		kgo.FetchMaxBytes(kafkaFetch),
		kgo.AllowAutoTopicCreation(), // of the dead letters
		kgo.WithLogger(kafkaLog{r.cfg.Logger}),
	}, cfg.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Kafka{receiver: r, cfg: cfg, client: client, ctx: ctx, stop: stop, done: make(chan struct{})}, nil
}

// Serve reads until Shutdown. A broker that cannot be reached is tried again and again.
func (k *Kafka) Serve() error {
	defer close(k.done)
	defer k.client.CloseAllowingRebalance()
	for k.ctx.Err() == nil {
		wait, cancel := context.WithTimeout(k.ctx, k.untilDurable())
		fetches := k.client.PollRecords(wait, kafkaPoll)
		cancel()
		fetches.EachError(func(topic string, partition int32, err error) {
			if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
				k.receiver.cfg.Logger.Warn("cannot read from Kafka", "topic", topic, "partition", partition, "err", err)
			}
		})
		k.store(fetches)
		k.commit(k.ctx, time.Now())
		k.client.AllowRebalance()
	}
	return k.commitLast()
}

// untilDurable is how long to wait for records when there are offsets to commit.
func (k *Kafka) untilDurable() time.Duration {
	if len(k.stored) == 0 {
		return time.Minute
	}
	return max(time.Until(k.stored[0].at.Add(k.cfg.DurableAfter)), time.Millisecond)
}

// store stores records, partition by partition, until the end of the work.
func (k *Kafka) store(fetches kgo.Fetches) {
	var records []*kgo.Record
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		for _, record := range p.Records {
			if !k.take(record) {
				return
			}
			records = append(records, record)
			k.receiver.metrics.lag.WithLabelValues(p.Topic, strconv.Itoa(int(p.Partition))).Set(float64(p.HighWatermark - record.Offset - 1))
		}
	})
	if len(records) > 0 {
		k.stored = append(k.stored, storedRecords{time.Now(), records})
	}
}

// take stores a record or puts it among the dead letters, however long that
// takes. It reports false if the work ended before.
func (k *Kafka) take(record *kgo.Record) bool {
	for {
		err := k.export(record)
		var bad invalid
		code := "ok"
		if errors.As(err, &bad) || errors.Is(err, ErrTooLarge) {
			code, err = k.bury(record, err)
		}
		if err == nil {
			k.receiver.metrics.requests.WithLabelValues(protocolKafka, code).Inc()
			return true
		}
		wait := kafkaRetry
		var again retryable
		if errors.As(err, &again) && again.RetryAfter() > 0 {
			wait = again.RetryAfter()
		} else if k.ctx.Err() == nil {
			k.receiver.cfg.Logger.Error("a message of Kafka was not stored; it is tried again", "topic", record.Topic, "partition", record.Partition, "offset", record.Offset, "err", err)
		}
		select {
		case <-time.After(wait):
		case <-k.ctx.Done():
			return false
		}
	}
}

func (k *Kafka) export(record *kgo.Record) error {
	r := k.receiver
	r.metrics.receivedBytes.WithLabelValues(protocolKafka).Add(float64(len(record.Value)))
	tenant, err := r.tenant(headers(record, span.TenantHeader))
	if err != nil {
		return err
	}
	l := r.inflight.lease()
	defer l.release()
	if err := l.grow(k.ctx, len(record.Value)); err != nil {
		return err
	}
	switch t := kafkaEncodings[k.cfg.Encoding]; {
	case t != nil:
		return r.exportTranslated(k.ctx, protocolKafka, tenant, record.Value, l, t)
	case k.cfg.Encoding == "otlp_json":
		_, err = r.export(k.ctx, protocolKafka, tenant, span.FormatOTLPJSON, record.Value)
	default:
		_, err = r.export(k.ctx, protocolKafka, tenant, span.FormatOTLPProto, record.Value)
	}
	return err
}

func headers(record *kgo.Record, name string) []string {
	var values []string
	for _, h := range record.Headers {
		if strings.EqualFold(h.Key, name) {
			values = append(values, string(h.Value))
		}
	}
	return values
}

// bury puts a record that cannot be read among the dead letters, with where it
// lay and what is wrong with it.
func (k *Kafka) bury(record *kgo.Record, why error) (code string, err error) {
	log := k.receiver.cfg.Logger.With("topic", record.Topic, "partition", record.Partition, "offset", record.Offset, "err", why)
	if k.cfg.DeadLetters == "" {
		log.Warn("a message of Kafka cannot be read; it is dropped")
		return "dropped", nil
	}
	err = k.client.ProduceSync(k.ctx, k.letter(record, why)).FirstErr()
	if errors.Is(err, kerr.MessageTooLarge) { // it would be so however often it is tried: keep where it lay
		letter := k.letter(record, why)
		letter.Value = nil
		letter.Headers = append(letter.Headers, kgo.RecordHeader{Key: "clew-omitted-bytes", Value: strconv.AppendInt(nil, int64(len(record.Value)), 10)})
		err = k.client.ProduceSync(k.ctx, letter).FirstErr()
	}
	if err != nil {
		return "", fmt.Errorf("cannot write to the topic of dead letters, %s: %w", k.cfg.DeadLetters, err)
	}
	log.Warn("a message of Kafka cannot be read; it is among the dead letters", "dead-letters", k.cfg.DeadLetters)
	return "dead_letter", nil
}

// letter is a record among the dead letters.
func (k *Kafka) letter(record *kgo.Record, why error) *kgo.Record {
	return &kgo.Record{Topic: k.cfg.DeadLetters, Key: record.Key, Value: record.Value, Headers: append(slices.Clone(record.Headers),
		kgo.RecordHeader{Key: "clew-error", Value: []byte(why.Error())},
		kgo.RecordHeader{Key: "clew-topic", Value: []byte(record.Topic)},
		kgo.RecordHeader{Key: "clew-partition", Value: strconv.AppendInt(nil, int64(record.Partition), 10)},
		kgo.RecordHeader{Key: "clew-offset", Value: strconv.AppendInt(nil, record.Offset, 10)})}
}

// commit commits the offsets of what is durable at a time.
func (k *Kafka) commit(ctx context.Context, now time.Time) error {
	for len(k.stored) > 0 && now.Sub(k.stored[0].at) >= k.cfg.DurableAfter {
		if err := k.client.CommitRecords(ctx, k.stored[0].records...); err != nil {
			if ctx.Err() == nil {
				k.receiver.cfg.Logger.Warn("cannot commit offsets to Kafka; some messages may be read again", "err", err)
			}
			return err
		}
		k.stored = k.stored[1:]
	}
	return nil
}

// commitLast waits until all that was stored is durable, and commits it.
func (k *Kafka) commitLast() error {
	if len(k.stored) == 0 {
		return nil
	}
	last := k.stored[len(k.stored)-1].at.Add(k.cfg.DurableAfter)
	time.Sleep(time.Until(last))
	ctx, cancel := context.WithTimeout(context.Background(), kafkaEnd)
	defer cancel()
	k.commit(ctx, last)
	return nil
}

// Shutdown reads no more, and waits until what was read is stored and committed, or for ctx.
func (k *Kafka) Shutdown(ctx context.Context) error {
	k.stop()
	select {
	case <-k.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
