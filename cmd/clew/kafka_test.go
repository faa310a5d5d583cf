package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/config"
	"github.com/clewhq/clew/ingest"
)

// The settings offer what the receiver reads, which config cannot ask.
func TestKafkaEncodings(t *testing.T) {
	if !strings.Contains(config.Reference(), "\n"+strings.Join(ingest.KafkaEncodings(), "|")+" · default `otlp_proto`") {
		t.Errorf("docs/configuration.md does not offer %q for kafka.encoding", ingest.KafkaEncodings())
	}
}

func TestKafkaConfig(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--kafka.brokers=127.0.0.1:1", "--kafka.tls=on", "--kafka.username=clew"}
	for _, c := range []struct {
		args    []string
		options int
		err     string
	}{
		{[]string{"--kafka.sasl=off"}, 1, ""},
		{[]string{"--kafka.sasl=plain", "--kafka.password-file=" + secret}, 2, ""},
		{[]string{"--kafka.sasl=scram-sha-256", "--kafka.password-file=" + secret}, 2, ""},
		{[]string{"--kafka.sasl=scram-sha-512", "--kafka.password-file=" + secret}, 2, ""},
		{[]string{"--kafka.sasl=plain", "--kafka.password-file=/nowhere"}, 0, "kafka.password-file: "},
		{[]string{"--kafka.topics="}, 0, "kafka.topics and kafka.group have to be set"},
	} {
		cfg, err := kafkaConfig(loadConfig(t, slices.Concat(args, c.args)...).Kafka, time.Second)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: got %v, want %s", c.args, err, c.err)
			}
			continue
		}
		if err != nil || len(cfg.Options) != c.options || cfg.DurableAfter != time.Second {
			t.Errorf("%q: %+v, %v", c.args, cfg, err)
		}
	}
}

// A server that reads from a broker that is not there serves, and stops.
func TestKafkaIsAway(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir(), "--kafka.brokers=127.0.0.1:1")
	if code, _ := get(t, s.url("http", "/readyz")); code != 200 {
		t.Errorf("readyz: %d", code)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}
