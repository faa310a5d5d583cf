package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/clewhq/clew/config"
	"github.com/clewhq/clew/ingest"
)

// kafkaConfig returns what to read from Kafka. What was taken in survives a
// power cut after syncInterval.
func kafkaConfig(c config.Kafka, syncInterval time.Duration) (ingest.KafkaConfig, error) {
	cfg := ingest.KafkaConfig{
		Brokers: c.Brokers, Topics: c.Topics, Group: c.Group, Encoding: c.Encoding, DeadLetters: c.DeadLetters,
		DurableAfter: syncInterval,
	}
	if len(c.Topics) == 0 || c.Group == "" {
		return cfg, fmt.Errorf("to read from Kafka, kafka.topics and kafka.group have to be set")
	}
	if c.TLS == "on" {
		cfg.Options = append(cfg.Options, kgo.DialTLSConfig(new(tls.Config)))
	}
	if c.SASL == "off" {
		return cfg, nil
	}
	password, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return cfg, fmt.Errorf("kafka.password-file: %w", err)
	}
	secret := strings.TrimRight(string(password), "\r\n")
	switch c.SASL {
	case "plain":
		cfg.Options = append(cfg.Options, kgo.SASL(plain.Auth{User: c.Username, Pass: secret}.AsMechanism()))
	case "scram-sha-256":
		cfg.Options = append(cfg.Options, kgo.SASL(scram.Auth{User: c.Username, Pass: secret}.AsSha256Mechanism()))
	case "scram-sha-512":
		cfg.Options = append(cfg.Options, kgo.SASL(scram.Auth{User: c.Username, Pass: secret}.AsSha512Mechanism()))
	}
	return cfg, nil
}
