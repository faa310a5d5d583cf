package main

import (
	"context"
	"log/slog"
	"path/filepath"

	"google.golang.org/grpc"

	"github.com/clewhq/clew/config"
	"github.com/clewhq/clew/ingest"
	"github.com/clewhq/clew/sample"
)

// newHead returns what SDKs are told about sampling. The state of adaptive
// sampling is kept with the data.
func newHead(ctx context.Context, c config.Sampling, dataDir string, log *slog.Logger) (*sample.Head, error) {
	source, err := sample.NewSource(ctx, c.Strategies, c.DefaultProbability, log)
	if err != nil {
		return nil, err
	}
	var adaptive *sample.Adaptive
	if c.Adaptive == "on" {
		cfg := sample.DefaultAdaptive()
		cfg.TargetSamplesPerSecond, cfg.MinSamplesPerSecond = c.TargetSamplesPerSecond, c.MinSamplesPerSecond
		cfg.InitialProbability, cfg.MinProbability, cfg.DeltaTolerance = c.InitialProbability, c.MinProbability, c.DeltaTolerance
		cfg.CalculationInterval, cfg.AggregationBuckets = c.CalculationInterval, c.AggregationBuckets
		if adaptive, err = sample.NewAdaptive(cfg, filepath.Join(dataDir, "sampling.json"), log); err != nil {
			return nil, err
		}
	}
	return sample.NewHead(source, adaptive, log), nil
}

func newSamplingGRPC(head *sample.Head) service {
	server := grpc.NewServer(grpc.MaxConcurrentStreams(100))
	sample.Register(server, head)
	return ingest.GRPCServer{Server: server}
}
