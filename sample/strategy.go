// Package sample decides which traces are kept: at the head, by what it tells
// the SDKs of services.
package sample

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
)

// DefaultProbability is what services sample with of which nothing is said.
const DefaultProbability = 0.001

// Response is what the SDK of one service is told, in Jaeger's message.
type Response = api_v2.SamplingStrategyResponse

// Strategies are what a file of strategies in Jaeger's format says. They do not change.
type Strategies struct {
	fallback *Response
	services map[string]*Response
	warnings []string
}

// strategiesInFile is what a file has.
type strategiesInFile struct {
	Default  *fileStrategy   `json:"default_strategy"`
	Services []*fileStrategy `json:"service_strategies"`
}

// fileStrategy is a strategy as the file has it.
type fileStrategy struct {
	Service    string          `json:"service"`
	Operation  string          `json:"operation"`
	Type       string          `json:"type"`
	Param      float64         `json:"param"`
	Operations []*fileStrategy `json:"operation_strategies"`
}

// ParseStrategies reads a file of strategies. Where it says nothing, services
// sample with a probability. The text null, or none, says nothing at all.
func ParseStrategies(text []byte, probability float64) (*Strategies, error) {
	var file, strict strategiesInFile
	p := &strategyParser{global: probability}
	if len(bytes.TrimSpace(text)) > 0 {
		if err := json.Unmarshal(text, &file); err != nil {
			return nil, positioned(text, err)
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&strict); err != nil {
			p.warn("%s, which means nothing", strings.TrimPrefix(err.Error(), "json: "))
		}
	}
	s := &Strategies{fallback: probabilistic(probability), services: map[string]*Response{}}
	if file.Default != nil {
		s.fallback = p.strategy("default_strategy", file.Default)
	}
	for i, f := range file.Services {
		place := fmt.Sprintf("service_strategies[%d]", i)
		if f == nil || f.Service == "" {
			p.fail("%s: service is not set", place)
			continue
		}
		if s.services[f.Service] != nil {
			p.warn("%s: the service %q comes twice; the last strategy counts", place, f.Service)
		}
		s.services[f.Service] = inherit(p.strategy(place, f), s.fallback)
	}
	s.warnings = p.warnings
	return s, errors.Join(p.errs...)
}

// Of returns the strategy for a service, which must not be changed, and whether
// the file names the service.
func (s *Strategies) Of(service string) (r *Response, named bool) {
	if r, ok := s.services[service]; ok {
		return r, true
	}
	return s.fallback, false
}

// Services are those that the file names, sorted.
func (s *Strategies) Services() []string { return slices.Sorted(maps.Keys(s.services)) }

func positioned(text []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	offset := int64(-1)
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
		err = fmt.Errorf("%s: expected %s, not %s", cmp.Or(kind.Field, "the file"), jsonWord(kind.Type.Kind()), kind.Value)
	}
	if offset < 0 || offset > int64(len(text)) {
		return err
	}
	return fmt.Errorf("line %d: %w", 1+bytes.Count(text[:offset], []byte("\n")), err)
}

func jsonWord(k reflect.Kind) string {
	switch k {
	case reflect.Float64:
		return "number"
	case reflect.String:
		return "string"
	case reflect.Slice:
		return "array"
	}
	return "object"
}

type strategyParser struct {
	global   float64
	warnings []string
	errs     []error
}

func (p *strategyParser) warn(format string, args ...any) {
	p.warnings = append(p.warnings, fmt.Sprintf(format, args...))
}

func (p *strategyParser) fail(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf(format, args...))
}

// strategy translates the strategy at a place in the file.
func (p *strategyParser) strategy(place string, f *fileStrategy) *Response {
	r := p.plain(place, f)
	var operations []*api_v2.OperationSamplingStrategy
	for i, o := range f.Operations {
		place := fmt.Sprintf("%s.operation_strategies[%d]", place, i)
		switch {
		case o == nil || o.Operation == "":
			p.fail("%s: operation is not set", place)
		case o.Type == "probabilistic":
			operations = append(operations, &api_v2.OperationSamplingStrategy{
				Operation: o.Operation, ProbabilisticSampling: p.plain(place, o).ProbabilisticSampling,
			})
		default:
			p.warn("%s: operations can only be sampled with type probabilistic, not %q; it is left out", place, o.Type)
		}
	}
	if len(operations) > 0 {
		r.OperationSampling = &api_v2.PerOperationSamplingStrategies{
			DefaultSamplingProbability: p.probabilityOf(r), PerOperationStrategies: operations,
		}
	}
	return r
}

// plain translates a strategy without its operations.
func (p *strategyParser) plain(place string, f *fileStrategy) *Response {
	switch f.Type {
	case "probabilistic":
		if !(f.Param >= 0 && f.Param <= 1) {
			p.fail("%s: param %v is no probability; it has to be from 0 to 1", place, f.Param)
		}
		return probabilistic(f.Param)
	case "ratelimiting":
		if !(f.Param >= 0 && f.Param < math.MaxInt32) {
			p.fail("%s: param %v is no number of traces per second", place, f.Param)
		}
		return &Response{
			StrategyType:         api_v2.SamplingStrategyType_RATE_LIMITING,
			RateLimitingSampling: &api_v2.RateLimitingSamplingStrategy{MaxTracesPerSecond: int32(f.Param)},
		}
	}
	p.warn("%s: type %q is neither probabilistic nor ratelimiting; probability %v is used", place, f.Type, p.global)
	return probabilistic(p.global)
}

func probabilistic(rate float64) *Response {
	return &Response{
		StrategyType:          api_v2.SamplingStrategyType_PROBABILISTIC,
		ProbabilisticSampling: &api_v2.ProbabilisticSamplingStrategy{SamplingRate: rate},
	}
}

// probabilityOf is the probability of operations that a strategy does not name.
func (p *strategyParser) probabilityOf(r *Response) float64 {
	if r.ProbabilisticSampling != nil {
		return r.ProbabilisticSampling.SamplingRate
	}
	return p.global
}

// inherit gives a service the operations of the default strategy that it does
// not name itself.
func inherit(r, fallback *Response) *Response {
	if fallback.OperationSampling == nil {
		return r
	}
	merged := *fallback.OperationSampling
	if r.ProbabilisticSampling != nil {
		merged.DefaultSamplingProbability = r.ProbabilisticSampling.SamplingRate
	}
	if r.OperationSampling != nil {
		merged = *r.OperationSampling
		merged.PerOperationStrategies = slices.Clone(merged.PerOperationStrategies)
		for _, o := range fallback.OperationSampling.PerOperationStrategies {
			own := func(other *api_v2.OperationSamplingStrategy) bool { return other.Operation == o.Operation }
			if !slices.ContainsFunc(r.OperationSampling.PerOperationStrategies, own) {
				merged.PerOperationStrategies = append(merged.PerOperationStrategies, o)
			}
		}
	}
	r.OperationSampling = &merged
	return r
}
