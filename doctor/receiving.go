package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// metrics are the values of a server's own metrics, by name.
type metrics map[string][]*dto.Metric

// metricsOf returns nil if there are none.
func metricsOf(families []*dto.MetricFamily) metrics {
	if len(families) == 0 {
		return nil
	}
	m := metrics{}
	for _, f := range families {
		m[f.GetName()] = f.GetMetric()
	}
	return m
}

func valueOf(m *dto.Metric) float64 {
	return cmp.Or(m.GetCounter().GetValue(), m.GetGauge().GetValue())
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// sum adds up what has the values given of some labels, as name and value in turn.
func (m metrics) sum(name string, labels ...string) (total float64) {
	for _, one := range m[name] {
		matches := true
		for i := 0; i+1 < len(labels); i += 2 {
			matches = matches && labelOf(one, labels[i]) == labels[i+1]
		}
		if matches {
			total += valueOf(one)
		}
	}
	return total
}

// by adds up by the values of labels.
func (m metrics) by(name string, labels ...string) map[string]float64 {
	sums := map[string]float64{}
	for _, one := range m[name] {
		var key []string
		for _, l := range labels {
			key = append(key, labelOf(one, l))
		}
		if v := valueOf(one); v > 0 {
			sums[strings.TrimSpace(strings.Join(key, " "))] += v
		}
	}
	return sums
}

// lines writes sums, a line each.
func lines(sums map[string]float64, noun, rest string) (list []string) {
	for _, key := range slices.Sorted(maps.Keys(sums)) {
		list = append(list, fmt.Sprintf("%s: %s%s", key, count(uint64(sums[key]), noun), rest))
	}
	return listed(list)
}

// The codes with which requests are refused, by why.
var (
	overloadCodes    = []string{"429", "ResourceExhausted"}
	unavailableCodes = []string{"503", "Unavailable"}
	invalidCodes     = []string{"400", "413", "415", "InvalidArgument", "Unimplemented", "404", "405"}
)

// refused returns the requests that were answered with some codes, by protocol and code.
func (m metrics) refused(codes []string) map[string]float64 {
	sums := m.by("clew_ingest_requests_total", "protocol", "code")
	maps.DeleteFunc(sums, func(key string, _ float64) bool {
		_, code, _ := strings.Cut(key, " ")
		return !slices.Contains(codes, code)
	})
	return sums
}

// receiving tells what became of requests lately.
func (s *Subject) receiving(m metrics) (found []Finding) {
	if m == nil {
		return nil
	}
	since := "since the server started, " + s.ago(s.Status.Started)
	if !s.EarlierAt.IsZero() {
		m = m.since(metricsOf(s.Earlier))
		if ago := instant(s.Status.Time).Sub(s.EarlierAt); ago >= recently {
			since = "in the last " + rough(ago)
		}
	}
	add := func(id string, result Result, title string, evidence []string, cause, fix string) {
		found = append(found, Finding{ID: id, Check: CheckReceiving, Result: result, Title: title, Evidence: evidence, Cause: cause, Fix: fix})
	}
	if sums := m.refused(overloadCodes); len(sums) > 0 {
		evidence := append(lines(sums, "request", " refused "+since),
			fmt.Sprintf("in flight now: %.0f of %d bytes; not in a block yet: %.0f of %d bytes", m.sum("clew_ingest_inflight_bytes"), s.Status.Budgets.InFlight,
				m.sum("clew_store_head_bytes"), 2*s.Status.Budgets.Head))
		add("refused-overload", Problem, "Senders were told to come again: more came at once than fits the memory for it", evidence,
			"The queues are full: requests in flight have memory.in-flight, spans that are not in a block yet memory.head. A request that is larger than ingest.max-request-size is refused with the same code over gRPC. SDKs try a few times and then drop spans.",
			"give the server more: --memory.limit, or --memory.in-flight and --memory.head; send in smaller and fewer requests; or sample at the head (docs/sampling.md)")
	}
	if flying := m.sum("clew_ingest_inflight_bytes"); s.Status.Budgets.InFlight > 0 && flying > 0.9*float64(s.Status.Budgets.InFlight) {
		add("memory-pressure", Warning, "The memory for requests in flight is nearly used up", []string{fmt.Sprintf("%.0f of %d bytes", flying, s.Status.Budgets.InFlight)},
			"Senders wait, and are then told to come again.", "give the server more: --memory.limit or --memory.in-flight; or send in smaller and fewer requests")
	}
	if sums := m.refused(unavailableCodes); len(sums) > 0 {
		add("refused-unavailable", Problem, "Senders were refused because spans could not be stored", lines(sums, "request", " refused "+since),
			"The disk is full or failing, or the server was stopping.", "look at the findings about storage, and at the server's log")
	}
	if sums := m.refused(invalidCodes); len(sums) > 0 {
		add("refused-malformed", Warning, "Requests were refused because something is wrong with them", lines(sums, "request", " refused "+since),
			"Something speaks another protocol, path or encoding than the port expects, or sends requests larger than ingest.max-request-size.",
			"the answer says what is wrong: look into the sender's log, or run `clew doctor --endpoint URL` where it runs")
	}
	if sums := m.by("clew_ingest_rejected_spans_total", "protocol", "reason"); len(sums) > 0 {
		add("spans-rejected", Warning, "Spans were left out because of their ids", lines(sums, "span", " "+since),
			"Trace ids have 16 bytes and span ids 8, not all zero.", "look for hand-made ids in the sender, and in what changes spans on the way")
	}
	if sums := m.by("clew_ingest_dropped_packets_total", "protocol", "reason"); len(sums) > 0 {
		add("packets-dropped", Problem, "UDP packets of Jaeger's clients were dropped", lines(sums, "packet", " "+since),
			"socket_full and queue_full: they came faster than they are stored; malformed: the port expects compact (6831) or binary Thrift (6832); not_stored: the store refused them. Nobody is told over UDP.",
			"send by OTLP, or to the collector's port 14268, which answers")
	}
	if lag := m.sum("clew_ingest_kafka_lag_messages"); s.Status.Kafka != nil {
		result := OK
		if lag > 10_000 {
			result = Warning
		}
		add("kafka-lag", result, fmt.Sprintf("Kafka: %.0f messages are not read yet", lag),
			[]string{"topics " + strings.Join(s.Status.Kafka.Topics, ", ") + ", group " + s.Status.Kafka.Group},
			"Spans that wait in Kafka are found when they are read.", "start more servers in the same kafka.group, or look at clew_ingest_requests_total{protocol=\"kafka\"}")
	}
	if accepted := m.by("clew_ingest_spans_total", "protocol"); len(accepted) > 0 {
		add("spans-accepted", OK, "Spans are taken in", lines(accepted, "span", " "+since), "", "")
	} else {
		add("nothing-received", Warning, "The server has taken in no span "+since, nil,
			"Nobody sends to this server, or nothing of it arrives.", "run `clew doctor` where the application runs, with its environment: `clew doctor --pid N`, `--env-file FILE` or `--endpoint URL`")
	}
	return found
}

// storage tells what keeps spans from the disk, or from being read.
func (s *Subject) storage(m metrics) (found []Finding) {
	add := func(id string, result Result, title, cause, fix string) {
		found = append(found, Finding{ID: id, Check: CheckStorage, Result: result, Title: title, Cause: cause, Fix: fix})
	}
	const scarce = 1 << 30
	switch free := s.Status.Budgets.DiskFree; {
	case free < 0:
		add("disk-unknown", Skipped, "How much of the disk is free is not known", "", "")
	case free < scarce/8:
		add("disk-full", Problem, fmt.Sprintf("%d MiB of the disk are free", free>>20), "What cannot be written is refused, with 503.", "make room, or set --retention.size; writing resumes by itself")
	case free < scarce:
		add("disk-low", Warning, fmt.Sprintf("%d MiB of the disk are free", free>>20), "", "make room, or set --retention.size")
	default:
		add("disk-free", OK, fmt.Sprintf("%d GiB of the disk are free", free>>30), "", "")
	}
	if n := m.sum("clew_store_wal_errors_total"); n > 0 {
		add("disk-errors", Problem, fmt.Sprintf("The write-ahead log could not be written or synced: %.0f times", n), "The disk is full or failing.", "look at the server's log and at the kernel's (dmesg)")
	}
	if n := m.sum("clew_store_damaged_blocks"); n > 0 {
		add("blocks-damaged", Problem, fmt.Sprintf("%.0f damaged blocks were set aside", n), "Their spans are missing from answers, which say so.", "`clew storage verify DIR` names them; restore them from a copy, or delete them")
	}
	return found
}
