package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/recording"
)

// udpConfig says how packets are sent as Jaeger's clients send them.
type udpConfig struct {
	rates     []string // spans a second, of one measurement each
	duration  time.Duration
	senders   int
	maxBytes  int // of a packet
	perPacket int // spans; 0: as many as there is room for
}

// udpResult is what came of packets that were sent at one rate.
type udpResult struct {
	Rate     float64 `json:"rate"` // that was asked for, in spans a second
	Spans    uint64  `json:"spans"`
	Packets  int     `json:"packets"`
	Bytes    uint64  `json:"bytes"`
	Seconds  float64 `json:"seconds"`
	Received uint64  `json:"received_spans"`
	// Dropped are packets, by the server's reasons.
	Dropped    map[string]uint64 `json:"dropped_packets,omitempty"`
	CPUPerSpan float64           `json:"cpu_us_per_span"` // of spans that were received
}

func (r *udpResult) lost() float64 { return 100 * (1 - per(float64(r.Received), r.Spans)) }

func newUDPCmd() *cobra.Command {
	b := &bench{}
	var c udpConfig
	cmd := &cobra.Command{
		Use:   "udp [TARGET]",
		Short: "Send spans in packets, as Jaeger's clients do, and count how many are lost",
		Args:  cobra.MaximumNArgs(1),
		RunE: b.runE(func(ctx context.Context, args []string) error {
			target := "127.0.0.1:6831"
			if len(args) > 0 {
				target = args[0]
			}
			return b.measureUDP(ctx, target, c)
		}),
	}
	b.dataFlags(cmd)
	cmd.Flags().MarkHidden("spans") // which follow from rates and duration
	b.serverFlags(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&c.rates, "rates", []string{"20k"}, "`spans` a second, one measurement for each")
	f.DurationVar(&c.duration, "duration", 10*time.Second, "how long to send at each rate")
	f.IntVar(&c.senders, "senders", 4, "sockets to send from")
	f.IntVar(&c.maxBytes, "packet-bytes", 65_000, "most bytes of a packet")
	f.IntVar(&c.perPacket, "spans-per-packet", 0, "most `spans` of a packet; 0: as many as there is room for")
	return cmd
}

// parse returns the rates, and refuses what makes no sense.
func (c *udpConfig) parse() ([]uint64, error) {
	var rates []uint64
	for _, text := range c.rates {
		var n count
		if err := n.Set(text); err != nil {
			return nil, fmt.Errorf("--rates: %w", err)
		}
		if n == 0 {
			return nil, errors.New("--rates is out of range")
		}
		rates = append(rates, uint64(n))
	}
	for _, f := range []struct {
		flag string
		ok   bool
	}{{"duration", c.duration > 0}, {"senders", c.senders > 0}, {"packet-bytes", c.maxBytes >= 1000 && c.maxBytes <= 65_507}, {"spans-per-packet", c.perPacket >= 0}} {
		if !f.ok {
			return nil, fmt.Errorf("--%s is out of range", f.flag)
		}
	}
	return rates, nil
}

func (b *bench) measureUDP(ctx context.Context, target string, c udpConfig) error {
	rates, err := c.parse()
	if err != nil {
		return err
	}
	first := uint64(0)
	for _, rate := range rates {
		d := b.data
		d.Spans, d.SpansPerSecond = uint64(float64(rate)*c.duration.Seconds()), float64(rate)
		g, err := d.generator(time.Now().Add(c.duration))
		if err != nil {
			return err
		}
		b.step("sending %s spans a second for %v", thousands(rate), c.duration)
		result, err := b.udpAt(ctx, target, c, g, first, d.Spans, float64(rate))
		if err != nil {
			return err
		}
		b.report.UDP = append(b.report.UDP, *result)
		first += d.Spans
	}
	b.report.Data.Spans = first
	b.report.Data.Traces = 0
	return nil
}

// udpAt sends spans of the sequence at one rate, and waits until the server has done with them.
func (b *bench) udpAt(ctx context.Context, target string, c udpConfig, g *recording.Generator, first, spans uint64, rate float64) (*udpResult, error) {
	packets, err := newPackets(g, first, spans, c.maxBytes, c.perPacket)
	if err != nil {
		return nil, err
	}
	before, err := readUDP(ctx, b.server)
	if err != nil {
		return nil, err
	}
	r := &udpResult{Rate: rate, Packets: len(packets)}
	for _, p := range packets {
		r.Spans += uint64(p.spans)
		r.Bytes += uint64(len(p.data))
	}
	began := time.Now()
	if err := sendPackets(ctx, target, c.senders, packets, rate); err != nil {
		return nil, err
	}
	r.Seconds = time.Since(began).Seconds()
	after, err := waitForUDP(ctx, b.server)
	if err != nil {
		return nil, err
	}
	r.Received = after.spans - before.spans
	r.Dropped = map[string]uint64{}
	for reason, n := range after.dropped {
		if n -= before.dropped[reason]; n > 0 {
			r.Dropped[reason] = n
		}
	}
	r.CPUPerSpan = per((after.cpu-before.cpu)*1e6, r.Received)
	return r, nil
}

// sendPackets sends packets in turn from several sockets, each when it is due.
func sendPackets(ctx context.Context, target string, senders int, packets []packet, rate float64) error {
	due := make([]time.Duration, len(packets)) // since the start
	sent := 0
	for i, p := range packets {
		due[i] = time.Duration(float64(sent) / rate * 1e9)
		sent += p.spans
	}
	var next atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, senders)
	start := time.Now()
	for s := range senders {
		conn, err := net.Dial("udp", target)
		if err != nil {
			return err
		}
		defer conn.Close()
		group.Go(func() {
			for {
				i := int(next.Add(1) - 1)
				if i >= len(packets) {
					return
				}
				if errs[s] = sleep(ctx, time.Until(start.Add(due[i]))); errs[s] != nil {
					return
				}
				if _, errs[s] = conn.Write(packets[i].data); errs[s] != nil {
					return
				}
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// udpCounts is what a Clew has counted since it started.
type udpCounts struct {
	spans   uint64
	dropped map[string]uint64 // packets, by reason
	cpu     float64           // seconds
}

func (c udpCounts) same(other udpCounts) bool {
	return c.spans == other.spans && maps.Equal(c.dropped, other.dropped)
}

func readUDP(ctx context.Context, s *server) (udpCounts, error) {
	c := udpCounts{dropped: map[string]uint64{}}
	body, err := get(ctx, s.client, s.metrics, "text/plain")
	if err != nil {
		return c, err
	}
	c.cpu, _ = metric(body, cpuMetrics)
	for line := range strings.Lines(string(body)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || !strings.Contains(name, `protocol="jaeger-compact"`) {
			continue
		}
		switch {
		case strings.HasPrefix(name, "clew_ingest_spans_total{"):
			c.spans = uint64(n)
		case strings.HasPrefix(name, "clew_ingest_dropped_packets_total{"):
			_, reason, _ := strings.Cut(name, `reason="`)
			reason, _, _ = strings.Cut(reason, `"`)
			c.dropped[reason] = uint64(n)
		}
	}
	return c, nil
}

// quietFor is how long nothing is counted until all is taken as done.
const quietFor = time.Second

// waitForUDP waits until the server counts nothing more.
func waitForUDP(ctx context.Context, s *server) (udpCounts, error) {
	last, err := readUDP(ctx, s)
	for err == nil {
		if err = sleep(ctx, quietFor); err != nil {
			break
		}
		var now udpCounts
		if now, err = readUDP(ctx, s); err == nil && now.same(last) {
			return now, nil
		}
		last = now
	}
	return last, err
}

// droppedText is the reasons of dropped packets, with their numbers.
func droppedText(dropped map[string]uint64) string {
	var list []string
	for _, reason := range slices.Sorted(maps.Keys(dropped)) {
		list = append(list, fmt.Sprintf("%s %s", reason, thousands(dropped[reason])))
	}
	return strings.Join(list, ", ")
}
