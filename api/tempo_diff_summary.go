package api

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/clewhq/clew/analyze"
)

// diffNative is the document of the form trace-summary-v0-native.
type diffNative struct {
	Version  string         `json:"version"`
	Base     diffOverview   `json:"base"`
	Compare  diffOverview   `json:"compare"`
	Signals  diffSignals    `json:"signals"`
	Trust    diffTrust      `json:"trust"`
	Stats    diffDeltas     `json:"stats"`
	Warnings []patchWarning `json:"warnings,omitempty"`
	Changed  []string       `json:"changedServices"`
	Services []rollup       `json:"services"`
}

type diffOverview struct {
	TraceID     string `json:"traceId"`
	RootService string `json:"rootService,omitempty"`
	RootName    string `json:"rootName,omitempty"`
	Spans       int    `json:"spanCount"`
	Errors      int    `json:"errorSpanCount"`
	Duration    int64  `json:"durationMs"`
	Sum         int64  `json:"sumSpanDurationMs"` // of all spans, at the same time or not
}

// diffSignals are directions: increased, decreased or unchanged; the structure is changed or not.
type diffSignals struct {
	Latency   string `json:"traceLatency"`
	Sum       string `json:"sumSpanDuration"`
	Errors    string `json:"errors"`
	Spans     string `json:"spanCount"`
	Structure string `json:"structure"`
}

// diffTrust has how many spans match, of those of the larger and of the smaller trace.
type diffTrust struct {
	Matched float64 `json:"matchedSpanRatio"`
	Overlap float64 `json:"structureOverlap"`
}

type diffDeltas struct {
	Latency    int64 `json:"traceLatencyDeltaMs"`
	Sum        int64 `json:"sumSpanDurationDeltaMs"`
	Spans      int   `json:"spanCountDelta"`
	Errors     int   `json:"errorSpanDelta"`
	Matched    int   `json:"matchedSpans"`
	Modified   int   `json:"modifiedSpans"`
	Added      int   `json:"addedSpans"`
	Removed    int   `json:"removedSpans"`
	Fields     int   `json:"fieldChanges"`
	Attributes int   `json:"attributeChanges"`
}

// rollup is what changed of a service.
type rollup struct {
	Name      string `json:"name"`
	Sum       int64  `json:"sumSpanDurationDeltaMs"`
	Modified  int    `json:"modified"`
	Added     int    `json:"added"`
	Removed   int    `json:"removed"`
	NewErrors int    `json:"newErrors"`
	Resolved  int    `json:"resolvedErrors"`
}

// rollup returns that of a service, for who changes it.
func (d *traceDiffer) rollup(service string) *rollup {
	service = cmp.Or(service, "<unknown>")
	r := d.byName[service]
	if r == nil {
		r = &rollup{Name: service}
		d.byName[service] = r
	}
	return r
}

// summary makes the document out of what compare found.
func (d *traceDiffer) summary() *diffNative {
	base, took := overview(d.traces[0])
	other, takes := overview(d.traces[1])
	patch := &d.patch.Stats
	s := &diffNative{Version: diffSummary, Base: base, Compare: other, Warnings: d.patch.Warnings, Changed: []string{}, Services: []rollup{}}
	s.Stats = diffDeltas{
		millis(takes.trace - took.trace), millis(takes.spans - took.spans), other.Spans - base.Spans, other.Errors - base.Errors,
		patch.Matched, patch.Modified, patch.Added, patch.Removed, patch.Fields, patch.Attributes,
	}
	s.Trust = diffTrust{float64(patch.Matched) / float64(max(base.Spans, other.Spans)), float64(patch.Matched) / float64(min(base.Spans, other.Spans))}
	s.Signals = diffSignals{direction(s.Stats.Latency), direction(s.Stats.Sum), direction(int64(s.Stats.Errors)), direction(int64(s.Stats.Spans)), "unchanged"}
	if patch.Added+patch.Removed > 0 { // spans match by their path
		s.Signals.Structure = "changed"
	}
	for service := range maps.Keys(takes.services) {
		d.rollup(service)
	}
	for service := range maps.Keys(took.services) {
		d.rollup(service)
	}
	for _, service := range slices.Sorted(maps.Keys(d.byName)) {
		r := d.byName[service]
		delta := takes.services[service] - took.services[service]
		r.Sum = millis(delta)
		drifted := max(delta, -delta) >= max(int64(time.Millisecond), took.services[service]/20)
		if drifted || r.Modified+r.Added+r.Removed > 0 {
			s.Changed, s.Services = append(s.Changed, service), append(s.Services, *r)
		}
	}
	slices.SortStableFunc(s.Services, func(a, b rollup) int {
		return -cmp.Or(cmp.Compare(max(a.Sum, -a.Sum), max(b.Sum, -b.Sum)), cmp.Compare(a.NewErrors, b.NewErrors))
	})
	return s
}

func millis(nanos int64) int64 { return nanos / int64(time.Millisecond) }

func direction(delta int64) string {
	switch {
	case delta > 0:
		return "increased"
	case delta < 0:
		return "decreased"
	}
	return "unchanged"
}

// durations are those of a trace, of all its spans together and of those of each service; nanoseconds.
type durations struct {
	trace, spans int64
	services     map[string]int64
}

func overview(t *analyze.Trace) (diffOverview, durations) {
	o := diffOverview{TraceID: t.Spans.TraceIDs[0].String(), Spans: t.Len(), Duration: millis(t.Duration())}
	took := durations{trace: t.Duration(), services: map[string]int64{}}
	root := max(t.Root, 0) // else the first span that counts as one
	o.RootService, o.RootName = t.Services[t.Service(root)], t.Name(root)
	for row := range int32(t.Len()) {
		o.Errors += count(t.Failed(row))
		d := max(t.Spans.Duration(int(t.At[row])), 0)
		took.spans += d
		took.services[cmp.Or(t.Services[t.Service(row)], "<unknown>")] += d
	}
	o.Sum = millis(took.spans)
	return o, took
}
