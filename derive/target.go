package derive

import (
	"bytes"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/span"
)

// targets are the resources that send spans, as traces_target_info tells them.
type targets struct {
	cfg     *Config
	known   map[string]*target // by key
	batch   []jobInstance      // by resource of the batch that is observed
	keys    keySet
	names   names
	bytes   int // about what known takes
	key     []byte
	scratch []byte
}

const (
	// maxTarget is how many bytes keys and values of one resource take at most; further ones are left out.
	maxTarget = 16 << 10
	// maxTargets bounds all of them; with more, resources that are new are left out.
	maxTargets = 64 << 20
)

type target struct {
	labels []*dto.LabelPair
	bytes  int
	seen   int64 // unix nanoseconds
}

// jobInstance leads from a series to its target, as Prometheus and OpenTelemetry agreed.
type jobInstance struct{ job, instance string }

// Where the keys are that make job and instance.
const (
	serviceNamespace = iota
	serviceInstance
)

func newTargets(cfg *Config) targets {
	return targets{cfg: cfg, known: map[string]*target{}, names: names{}, keys: newKeySet("service.namespace", "service.instance.id")}
}

// begin notes the resources of a batch, whose services are given.
func (t *targets) begin(b *span.Batch, services []string, now int64) {
	t.keys.resolve(b)
	t.batch = t.batch[:0]
	for i, service := range services {
		attrs := b.Resources[i].Attrs
		var of jobInstance
		t.scratch, _ = t.keys.text(t.scratch[:0], b, attrs, serviceInstance)
		of.instance = t.names.of(t.scratch)
		if service != "" {
			if t.scratch, _ = t.keys.text(t.scratch[:0], b, attrs, serviceNamespace); len(t.scratch) > 0 {
				t.scratch = append(t.scratch, '/')
			}
			of.job = t.names.of(append(t.scratch, service...))
		}
		t.batch = append(t.batch, of)
		t.note(b, attrs, of, now)
	}
}

// note notes a resource, if there is something to tell of it and something that leads to it.
func (t *targets) note(b *span.Batch, attrs span.Attrs, of jobInstance, now int64) {
	if of == (jobInstance{}) {
		return
	}
	key := appendLabelText(appendLabelText(t.key[:0], of.job), of.instance)
	bare := len(key)
	for i, e := range b.Shapes.Entries(attrs.Shape) {
		name := b.Dict.Bytes(e.Key)
		if t.leftOut(name) {
			continue
		}
		t.scratch = cut(appendBits(t.scratch[:0], b, e.Type, b.Values[int(attrs.First)+i]))
		if len(key)+len(name)+len(t.scratch) <= maxTarget {
			key = appendLabel(appendLabel(key, name), t.scratch)
		}
	}
	t.key = key
	if len(key) == bare {
		return
	}
	known := t.known[string(key)]
	if known == nil {
		if len(t.known) >= t.cfg.MaxSeries || t.bytes >= maxTargets {
			return
		}
		known = &target{labels: targetLabels(splitKey(key))}
		known.bytes = targetBytes(key, known.labels)
		t.bytes += known.bytes
		t.known[string(key)] = known
	}
	known.seen = now
}

func (t *targets) leftOut(key []byte) bool {
	switch {
	case len(key) == 0, '0' <= key[0] && key[0] <= '9': // they make no label
		return true
	case bytes.HasPrefix(key, []byte("service.")):
		switch string(key) {
		case "service.name", "service.namespace", "service.instance.id":
			return true
		}
	}
	return slices.Contains(t.cfg.TargetInfoExclude, string(key))
}

// targetLabels are job, instance, and then pairs of key and value. Of keys that make the same label the first one counts.
func targetLabels(values []string) []*dto.LabelPair {
	names, texts := []string{"job", "instance"}, values[:2:2]
	own := append(slices.Clone(names), nameLabel)
	for i := 2; i < len(values); i += 2 {
		if name := dimensionName(values[i], own); !slices.Contains(names, name) {
			names, texts = append(names, name), append(texts, values[i+1])
		}
	}
	return pairs(names, texts)
}

// targetBytes is about what a target takes: its key, and the texts and the pairs of its labels.
func targetBytes(key []byte, labels []*dto.LabelPair) int { return 2*len(key) + 128*len(labels) }

func (t *targets) dropIdle(before int64) {
	for key, target := range t.known {
		if target.seen < before {
			t.bytes -= target.bytes
			delete(t.known, key)
		}
	}
}

func (t *targets) gather() []*dto.Metric {
	var list []*dto.Metric
	for _, target := range t.known {
		list = append(list, &dto.Metric{Label: target.labels, Gauge: &dto.Gauge{Value: proto.Float64(1)}})
	}
	slices.SortFunc(list, func(x, y *dto.Metric) int { return slices.CompareFunc(x.Label, y.Label, comparePairs) })
	return list
}

func comparePairs(x, y *dto.LabelPair) int {
	if c := strings.Compare(x.GetName(), y.GetName()); c != 0 {
		return c
	}
	return strings.Compare(x.GetValue(), y.GetValue())
}
