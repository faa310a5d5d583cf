package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/sample"
	"github.com/clewhq/clew/store"
)

// Service is the name under which the doctor sends its own spans. It is left out of what is said of services.
const Service = analyze.Doctor

// Subject is a server to examine, for one tenant.
type Subject struct {
	Store  store.Reader
	Logs   store.Reader // the log records of traces, as spans; nil if there are none
	Tenant string
	// Operator may be told the names of other tenants.
	Operator bool
	Within   store.TimeRange // with an end: now
	Status   Status
	Metrics  []*dto.MetricFamily // of the server
	// Earlier are those of History: what counts as recent came since. Without a time all since the start does.
	Earlier   []*dto.MetricFamily
	EarlierAt time.Time
	Sampling  sample.Overview
}

// Report is the answer of a server that is asked how it is.
type Report struct {
	Result   Result    `json:"result"` // the worst
	Findings []Finding `json:"findings"`
	// Checklist answers the questions of who sets up tracing.
	Checklist []Finding `json:"checklist"`
	// Gaps is as in store.ScanResult.
	Gaps []string `json:"gaps,omitempty"`
}

// Examine tells what a server has and counts.
func Examine(ctx context.Context, s *Subject) (*Report, error) {
	found, err := analyze.NewSurvey(ctx, s.Store, s.Tenant, s.Within)
	if err != nil {
		return nil, err
	}
	found.Services = slices.DeleteFunc(found.Services, func(s analyze.SurveyedService) bool { return s.Name == Service })
	m := metricsOf(s.Metrics)
	services, err := s.services(ctx, found)
	if err != nil {
		return nil, err
	}
	hidden, err := s.hidden(ctx, found, m)
	if err != nil {
		return nil, err
	}
	graph, err := analyze.Dependencies(ctx, s.Store, s.Tenant, s.Within, analyze.GraphOptions{})
	if err != nil {
		return nil, err
	}
	quality, err := analyze.AssessQuality(ctx, s.Store, s.Tenant, analyze.QualityOptions{
		Within: s.Within, Now: s.Within.End, AtOnce: true, SampleRows: qualityRows,
	})
	if err != nil {
		return nil, err
	}
	logs, err := s.logs(ctx, found)
	if err != nil {
		return nil, err
	}
	r := &Report{Gaps: found.Gaps}
	r.Findings = slices.Concat(
		clocks(found), hidden, s.receiving(m), s.sampling(found, m), s.storage(m), services, propagation(found, quality), scored(quality))
	r.Result = Worst(r.Findings)
	r.Checklist = append(s.checklist(found, graph, r.Findings), logs)
	return r, nil
}

// qualityRows is about how many spans are held against the rules of trace quality, which takes longest.
const qualityRows = 1 << 17

// end is the time that the examination is about, mostly now.
func (s *Subject) end() time.Time { return instant(s.Within.End) }

func (s *Subject) since() time.Duration { return instant(s.Within.End).Sub(instant(s.Within.Start)) }

func instant(ns uint64) time.Time { return time.Unix(int64(ns/1e9), int64(ns%1e9)).UTC() }

// ago says how long before the end of the range something was.
func (s *Subject) ago(ns uint64) string { return rough(s.end().Sub(instant(ns))) + " ago" }

// rough writes a duration to two units at most.
func rough(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + rough(-d)
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + "s"
	case d < time.Hour:
		return trimZero(d.Round(time.Second).String())
	case d < 48*time.Hour:
		return trimZero(d.Round(time.Minute).String())
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

func trimZero(text string) string {
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// count writes "1 span", "2 spans".
func count[N int | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func nameOf(service string) string {
	if service == "" {
		return "(no service.name)"
	}
	return service
}
