package ingest

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/jaegertracing/jaeger-idl/model/v1"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// jaegerUITrace is a trace as Jaeger's UI downloads it.
type jaegerUITrace struct {
	Spans     []jaegerUISpan             `json:"spans"`
	Processes map[string]jaegerUIProcess `json:"processes"`
}

type jaegerUISpan struct {
	TraceID       string `json:"traceID"`
	SpanID        string `json:"spanID"`
	ParentSpanID  string `json:"parentSpanID"` // of old versions
	OperationName string `json:"operationName"`
	Flags         uint32 `json:"flags"`
	References    []struct {
		RefType string `json:"refType"`
		TraceID string `json:"traceID"`
		SpanID  string `json:"spanID"`
	} `json:"references"`
	StartTime uint64        `json:"startTime"` // microseconds since 1970
	Duration  uint64        `json:"duration"`  // microseconds
	Tags      []jaegerUITag `json:"tags"`
	Logs      []struct {
		Timestamp uint64        `json:"timestamp"`
		Fields    []jaegerUITag `json:"fields"`
	} `json:"logs"`
	ProcessID string           `json:"processID"`
	Process   *jaegerUIProcess `json:"process"`
}

type jaegerUIProcess struct {
	ServiceName string        `json:"serviceName"`
	Tags        []jaegerUITag `json:"tags"`
}

type jaegerUITag struct {
	Key   string         `json:"key"`
	Type  string         `json:"type"`
	Value jsontext.Value `json:"value"`
}

// jaegerUI translates a trace in the JSON of Jaeger's UI.
func jaegerUI(text []byte) (ptrace.Traces, error) {
	var trace jaegerUITrace
	if err := json.Unmarshal(text, &trace, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return ptrace.Traces{}, err
	}
	processes := map[string]*model.Process{}
	for id, p := range trace.Processes {
		process, err := p.model()
		if err != nil {
			return ptrace.Traces{}, fmt.Errorf("process %s: %w", id, err)
		}
		processes[id] = process
	}
	batch := &model.Batch{}
	for i := range trace.Spans {
		s := &trace.Spans[i]
		span, err := s.model()
		if err != nil {
			return ptrace.Traces{}, fmt.Errorf("span %d (%s): %w", i+1, clip([]byte(s.SpanID)), err)
		}
		switch {
		case s.Process != nil:
			if span.Process, err = s.Process.model(); err != nil {
				return ptrace.Traces{}, fmt.Errorf("span %d (%s): %w", i+1, clip([]byte(s.SpanID)), err)
			}
		case processes[s.ProcessID] != nil:
			span.Process = processes[s.ProcessID]
		default:
			return ptrace.Traces{}, fmt.Errorf("span %d (%s): there is no process %s", i+1, clip([]byte(s.SpanID)), clip([]byte(s.ProcessID)))
		}
		batch.Spans = append(batch.Spans, span)
	}
	traces, err := protoToTraces(batch)
	if err == nil {
		replaceTags(traces)
	}
	return traces, err
}

func (p *jaegerUIProcess) model() (*model.Process, error) {
	tags, err := modelTags(p.Tags)
	return &model.Process{ServiceName: p.ServiceName, Tags: tags}, err
}

func (s *jaegerUISpan) model() (*model.Span, error) {
	span := &model.Span{
		OperationName: s.OperationName, Flags: model.Flags(s.Flags),
		StartTime: model.EpochMicrosecondsAsTime(s.StartTime), Duration: time.Duration(s.Duration) * time.Microsecond,
	}
	var err error
	if span.TraceID, err = model.TraceIDFromString(s.TraceID); err != nil {
		return nil, fmt.Errorf("traceID %s: %w", clip([]byte(s.TraceID)), err)
	}
	if span.SpanID, err = model.SpanIDFromString(s.SpanID); err != nil {
		return nil, fmt.Errorf("spanID %s: %w", clip([]byte(s.SpanID)), err)
	}
	if span.Tags, err = modelTags(s.Tags); err != nil {
		return nil, err
	}
	for _, l := range s.Logs {
		fields, err := modelTags(l.Fields)
		if err != nil {
			return nil, fmt.Errorf("log: %w", err)
		}
		span.Logs = append(span.Logs, model.Log{Timestamp: model.EpochMicrosecondsAsTime(l.Timestamp), Fields: fields})
	}
	if s.ParentSpanID != "" {
		parent, err := model.SpanIDFromString(s.ParentSpanID)
		if err != nil {
			return nil, fmt.Errorf("parentSpanID %s: %w", clip([]byte(s.ParentSpanID)), err)
		}
		span.References = model.MaybeAddParentSpanID(span.TraceID, parent, span.References)
	}
	for _, r := range s.References {
		ref, err := modelReference(r.RefType, r.TraceID, r.SpanID)
		if err != nil {
			return nil, err
		}
		span.References = append(span.References, ref)
	}
	return span, nil
}

func modelReference(kind, trace, id string) (ref model.SpanRef, err error) {
	if ref.TraceID, err = model.TraceIDFromString(trace); err != nil {
		return ref, fmt.Errorf("reference to trace %s: %w", clip([]byte(trace)), err)
	}
	if ref.SpanID, err = model.SpanIDFromString(id); err != nil {
		return ref, fmt.Errorf("reference to span %s: %w", clip([]byte(id)), err)
	}
	switch kind {
	case "CHILD_OF":
		ref.RefType = model.ChildOf
	case "FOLLOWS_FROM":
		ref.RefType = model.FollowsFrom
	default:
		return ref, fmt.Errorf("reference of unknown refType %s", clip([]byte(kind)))
	}
	return ref, nil
}

func modelTags(tags []jaegerUITag) ([]model.KeyValue, error) {
	list := make([]model.KeyValue, len(tags))
	for i, t := range tags {
		kv, err := t.model()
		if err != nil {
			return nil, fmt.Errorf("tag %s: %w", clip([]byte(t.Key)), err)
		}
		list[i] = kv
	}
	return list, nil
}

// model reads the value, of which numbers and truth may be written as strings.
func (t *jaegerUITag) model() (model.KeyValue, error) {
	text := string(t.Value)
	if t.Value.Kind() == '"' {
		unquoted, err := jsontext.AppendUnquote(nil, t.Value)
		if err != nil {
			return model.KeyValue{}, err
		}
		text = string(unquoted)
	}
	switch t.Type {
	case "int64":
		n, err := strconv.ParseInt(text, 10, 64)
		return model.Int64(t.Key, n), err
	case "float64":
		f, err := strconv.ParseFloat(text, 64)
		return model.Float64(t.Key, f), err
	case "bool":
		b, err := strconv.ParseBool(text)
		return model.Bool(t.Key, b), err
	case "binary":
		b, err := base64.StdEncoding.DecodeString(text)
		return model.Binary(t.Key, b), err
	}
	return model.String(t.Key, text), nil
}
