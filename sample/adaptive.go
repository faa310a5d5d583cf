package sample

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
)

// AdaptiveConfig has the parameters of adaptive sampling, by Jaeger's names and
// with its defaults. There is no delay of the calculation: spans are counted
// where they arrive.
type AdaptiveConfig struct {
	TargetSamplesPerSecond float64       // of each operation; 1
	DeltaTolerance         float64       // share by which samples may differ from the target; 0.3
	CalculationInterval    time.Duration // 1m
	AggregationBuckets     int           // intervals that count, the newest most; 10
	InitialProbability     float64       // 0.001
	MinProbability         float64       // 1e-5
	MinSamplesPerSecond    float64       // which each process takes of each operation in any case; 1/60
	MaxOperations          int           // that are followed; 20,000
}

// DefaultAdaptive are Jaeger's parameters.
func DefaultAdaptive() AdaptiveConfig {
	return AdaptiveConfig{
		TargetSamplesPerSecond: 1, DeltaTolerance: 0.3, CalculationInterval: time.Minute, AggregationBuckets: 10,
		InitialProbability: 0.001, MinProbability: 1e-5, MinSamplesPerSecond: 1. / 60, MaxOperations: 20_000,
	}
}

// Check returns what is wrong with the parameters.
func (c AdaptiveConfig) Check() error {
	switch {
	case !(c.TargetSamplesPerSecond > 0) || math.IsInf(c.TargetSamplesPerSecond, 0):
		return errors.New("the target of samples per second has to be above 0")
	case !(c.DeltaTolerance >= 0 && c.DeltaTolerance < 1):
		return errors.New("the tolerance has to be from 0 to below 1")
	case c.CalculationInterval <= 0 || c.AggregationBuckets <= 0 || c.MaxOperations <= 0:
		return errors.New("the calculation interval and the numbers of buckets and operations have to be above 0")
	case !(c.MinProbability > 0 && c.MinProbability <= c.InitialProbability && c.InitialProbability <= 1):
		return errors.New("the probabilities have to be above 0, the least at most the initial one, and that at most 1")
	case !(c.MinSamplesPerSecond >= 0):
		return errors.New("the least samples per second must not be negative")
	}
	return nil
}

// Adaptive finds a probability for each operation of each service, so that of
// each about as many traces are sampled in a second. It counts the root spans
// that arrive by the number of requests that each stands for, and so needs
// nothing of SDKs but that they ask for their strategy. It is safe for
// concurrent use.
//
// The algorithm is Jaeger's: probability times target over rate, where the rate
// is an average over intervals whose weights fall with the fourth power of
// their age; increases at most double it.
type Adaptive struct {
	cfg  AdaptiveConfig
	path string // of the state
	log  *slog.Logger

	mu         sync.Mutex
	operations map[operation]*adapted
	full       bool // there are more operations than are followed, which has been logged
}

type operation struct{ service, name string }

// adapted is the state of one operation.
type adapted struct {
	probability float64
	// requests are estimates for each interval, the one under way first.
	requests []float64
	idle     int // intervals since something was counted
}

// idleIntervals is after how many intervals without a request an operation is forgotten.
const idleIntervals = 24 * 60

// NewAdaptive goes on from the state at a path, which it keeps there.
func NewAdaptive(cfg AdaptiveConfig, path string, log *slog.Logger) (*Adaptive, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	a := &Adaptive{cfg: cfg, path: path, log: log, operations: map[operation]*adapted{}}
	return a, a.load()
}

// Observe counts a root span that stands for a number of requests: by its own
// threshold, or, if weight is 0, by the probability that its service was told.
func (a *Adaptive) Observe(service, name string, weight float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := operation{service, name}
	o := a.operations[key]
	if o == nil {
		if o = a.follow(key); o == nil {
			return
		}
	}
	if weight <= 0 {
		weight = 1 / o.probability
	}
	o.requests[0] += weight
}

// follow begins with an operation, unless there are too many.
func (a *Adaptive) follow(key operation) *adapted {
	if len(a.operations) >= a.cfg.MaxOperations {
		if !a.full {
			a.log.Warn("adaptive sampling follows no more operations; others have the initial probability", "operations", len(a.operations))
		}
		a.full = true
		return nil
	}
	o := a.newOperation(a.cfg.InitialProbability)
	// The texts are part of a batch, which would stay with them.
	a.operations[operation{strings.Clone(key.service), strings.Clone(key.name)}] = o
	return o
}

func (a *Adaptive) newOperation(probability float64) *adapted {
	return &adapted{probability: probability, requests: make([]float64, 1, a.cfg.AggregationBuckets+1)}
}

// Calculate ends an interval: it finds new probabilities and keeps them.
func (a *Adaptive) Calculate() error {
	a.mu.Lock()
	for key, o := range a.operations {
		if o.requests[0] > 0 {
			o.idle = 0
		} else if o.idle++; o.idle > idleIntervals {
			delete(a.operations, key)
			a.full = false
			continue
		}
		o.probability = a.next(o.probability, a.rate(o.requests))
		o.requests = slices.Insert(o.requests, 0, 0)
		o.requests = o.requests[:min(len(o.requests), a.cfg.AggregationBuckets)]
	}
	state := a.state(everyOperation)
	a.mu.Unlock()
	return a.save(state)
}

// rate is the average number of requests in a second, newest intervals first.
func (a *Adaptive) rate(requests []float64) float64 {
	var sum, weights float64
	for i, n := range requests {
		w := math.Pow(float64(len(requests)-i), 4)
		sum += w * n
		weights += w
	}
	return sum / weights / a.cfg.CalculationInterval.Seconds()
}

// next returns the probability that follows p at a rate of requests.
func (a *Adaptive) next(p, rate float64) float64 {
	target := a.cfg.TargetSamplesPerSecond
	samples := rate * p
	switch {
	case samples < 1e-9:
		p *= 2
	case math.Abs(samples-target)/target < a.cfg.DeltaTolerance:
	default:
		p = min(target/rate, 2*p)
	}
	return min(max(p, a.cfg.MinProbability), 1)
}

// Strategy returns what a service is told.
func (a *Adaptive) Strategy(service string) *Response {
	per := &api_v2.PerOperationSamplingStrategies{
		DefaultSamplingProbability:       a.cfg.InitialProbability,
		DefaultLowerBoundTracesPerSecond: a.cfg.MinSamplesPerSecond,
	}
	a.mu.Lock()
	list := a.state(func(key operation) bool { return key.service == service })
	a.mu.Unlock()
	for _, o := range list {
		per.PerOperationStrategies = append(per.PerOperationStrategies, &api_v2.OperationSamplingStrategy{
			Operation:             o.Operation,
			ProbabilisticSampling: &api_v2.ProbabilisticSamplingStrategy{SamplingRate: o.Probability},
		})
	}
	return &Response{StrategyType: api_v2.SamplingStrategyType_PROBABILISTIC, OperationSampling: per}
}

// Probability is that of one operation.
type Probability struct {
	Service     string  `json:"service"`
	Operation   string  `json:"operation"`
	Probability float64 `json:"probability"`
	// Rate is an estimate of the requests in a second, sampled or not.
	Rate float64 `json:"rate"`
}

// Probabilities returns those of all operations, sorted by service and operation.
func (a *Adaptive) Probabilities() []Probability {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state(everyOperation)
}

func everyOperation(operation) bool { return true }

// state returns the probabilities of the operations that are wanted, sorted. It needs the lock.
func (a *Adaptive) state(wanted func(operation) bool) []Probability {
	list := []Probability{}
	for key, o := range a.operations {
		if wanted(key) {
			list = append(list, Probability{key.service, key.name, o.probability, a.rate(o.requests[min(1, len(o.requests)-1):])})
		}
	}
	slices.SortFunc(list, func(x, y Probability) int {
		if c := strings.Compare(x.Service, y.Service); c != 0 {
			return c
		}
		return strings.Compare(x.Operation, y.Operation)
	})
	return list
}

// save replaces the file of the state.
func (a *Adaptive) save(state []Probability) error {
	if a.path == "" {
		return nil
	}
	text, err := json.MarshalIndent(state, "", " ")
	if err != nil {
		return err
	}
	next := a.path + ".next"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return fmt.Errorf("cannot keep the sampling probabilities: %w", err)
	}
	return os.Rename(next, a.path)
}

// load reads the state. One that cannot be read is set aside: probabilities are found again.
func (a *Adaptive) load() error {
	if a.path == "" {
		return nil
	}
	text, err := os.ReadFile(a.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read the sampling probabilities: %w", err)
	}
	var state []Probability
	if err := json.Unmarshal(text, &state); err != nil {
		a.log.Warn("the sampling probabilities cannot be read; they start anew", "file", filepath.Base(a.path), "err", err)
		return nil
	}
	for _, p := range state[:min(len(state), a.cfg.MaxOperations)] {
		o := a.newOperation(min(max(p.Probability, a.cfg.MinProbability), 1))
		o.requests[0] = p.Rate * a.cfg.CalculationInterval.Seconds()
		a.operations[operation{p.Service, p.Operation}] = o
	}
	return nil
}
