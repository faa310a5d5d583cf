// Package overhead measures what it costs a service to be traced: a small
// handler in Go, Python and Node.js, bare and traced, at fixed rates.
//
//	go test ./bench/overhead -run '^$' -bench . -benchtime 1x -timeout 1h
package overhead

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clewhq/clew/internal/testkit"
)

var (
	lasting = flag.Duration("lasting", time.Second, "how long a rate is held at a time")
	rounds  = flag.Int("rounds", 12, "how many times")
	only    = flag.String("only", "", "one of go, python, node")
	rates   = flag.String("rates", "100,1000,5000", "requests a second")
)

const testdata = "testdata"

// service is a server in one language; bare or traced is its last argument.
type service struct {
	name    string
	command []string
	env     string
}

func services(tb testing.TB) []service {
	tb.Helper()
	dir, err := filepath.Abs(testdata)
	if err != nil {
		tb.Fatal(err)
	}
	wanted := func(name string) bool { return *only == "" || *only == name }
	var all []service
	if wanted("go") {
		binary := filepath.Join(tb.TempDir(), "overhead")
		testkit.Run(tb, "../../instrument", []string{"CGO_ENABLED=0"}, "go", "build", "-o", binary, "./internal/overhead")
		all = append(all, service{"go", []string{binary}, ""})
	}
	if wanted("python") {
		packages := testkit.Installed(tb, []string{testdata + "/requirements.txt"}, "python3", "-m", "pip", "install", "--quiet", "--target", ".", "-r", "requirements.txt")
		all = append(all, service{"python", []string{"python3", filepath.Join(dir, "server.py")}, "PYTHONPATH=" + packages})
	}
	if wanted("node") {
		packages := testkit.Installed(tb, []string{testdata + "/package.json", testdata + "/package-lock.json"}, "npm", "ci", "--silent")
		all = append(all, service{"node", []string{"node", filepath.Join(dir, "server.js")}, "NODE_PATH=" + filepath.Join(packages, "node_modules")})
	}
	return all
}

// collector takes spans and discards them. After the first request with some, arrived is closed.
func collector(tb testing.TB) (url string, arrived <-chan struct{}) {
	tb.Helper()
	some := make(chan struct{})
	once := sync.OnceFunc(func() { close(some) })
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, _ := io.Copy(io.Discard, r.Body); n > 0 && r.URL.Path == "/v1/traces" {
			once()
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	tb.Cleanup(srv.Close)
	return srv.URL, some
}

// modes are no tracing at all and shares of requests that are sampled.
var modes = []string{"bare", "0", "0.01", "0.1", "1"}

// start runs a service until stop is called.
func start(tb testing.TB, s service, mode, collector string) (p *process, stop func()) {
	tb.Helper()
	kind := "traced"
	if mode == "bare" {
		kind = mode
	}
	cmd := exec.Command(s.command[0], append(s.command[1:], kind)...)
	cmd.Env = append(os.Environ(), s.env, "OTEL_SERVICE_NAME=orders", "OTEL_EXPORTER_OTLP_ENDPOINT="+collector,
		"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG="+mode)
	cmd.Stderr = tb.Output()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		tb.Fatal(err)
	}
	stop = func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		tb.Fatalf("%s does not say where it listens: %v", s.name, err)
	}
	return &process{cmd.Process.Pid, strings.TrimSpace(address)}, stop
}

type process struct {
	pid     int
	address string
}

// cpu is the time that all threads have been on a CPU. Unlike the ticks in
// /proc/PID/stat it is exact to the nanosecond; a thread that has ended is missing.
func (p *process) cpu(tb testing.TB) time.Duration {
	tb.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.pid))
	if err != nil || len(threads) == 0 {
		tb.Skip("the kernel does not tell the CPU time of threads")
	}
	var sum time.Duration
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			tb.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	return sum
}

// figures are those of one mode at one rate.
type figures struct {
	service, mode string
	rate          int
	cpu           []time.Duration // a request, by round; 0 in rounds in which the rate was not held
	times         []time.Duration // of all requests, sorted
}

func BenchmarkOverhead(b *testing.B) {
	url, _ := collector(b)
	list := services(b)
	for b.Loop() {
		var all []figures
		for _, s := range list {
			for rate := range strings.SplitSeq(*rates, ",") {
				n, err := strconv.Atoi(rate)
				if err != nil {
					b.Fatal(err)
				}
				all = append(all, measure(b, s, n, url)...)
			}
		}
		report(os.Stdout, all)
	}
}

// measure runs the service in all modes at once and lets one after the other
// answer for a while, many times, so that whatever else the machine does
// concerns all of them. What a server does between its turns, such as sending
// spans, counts as part of the one before.
func measure(tb testing.TB, s service, rate int, collector string) []figures {
	tb.Helper()
	var processes []*process
	var all []figures
	for _, mode := range modes {
		p, stop := start(tb, s, mode, collector)
		defer stop()
		load(tb, p.address, 300, 2*time.Second) // warms it up
		processes, all = append(processes, p), append(all, figures{service: s.name, mode: mode, rate: rate})
	}
	before, sent := make([]time.Duration, len(modes)), make([]int, len(modes))
	for round := range *rounds + 1 {
		for i, p := range processes {
			now := p.cpu(tb)
			if round > 0 {
				cost := time.Duration(0)
				if sent[i] > 0 {
					cost = (now - before[i]) / time.Duration(sent[i])
				}
				all[i].cpu = append(all[i].cpu, cost)
			}
			if round == *rounds {
				continue
			}
			times, late := load(tb, p.address, rate, *lasting)
			before[i], sent[i] = now, len(times)
			if late {
				sent[i] = 0
				continue
			}
			all[i].times = append(all[i].times, times...)
		}
	}
	for i := range all {
		slices.Sort(all[i].times)
	}
	return all
}

// maxInFlight bounds the requests that wait for an answer.
const maxInFlight = 900

// load sends requests at a fixed rate, whether or not the ones before are
// answered, and returns how long each took from the time it was due, sorted.
// It stops early if too many wait; then, and if one fails, it is late.
func load(tb testing.TB, address string, rate int, lasting time.Duration) (times []time.Duration, late bool) {
	tb.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: maxInFlight}, Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	total := int(lasting.Seconds() * float64(rate))
	done, failed := make(chan time.Duration, total), make(chan error, total)
	begin := time.Now()
	sent := 0
	for ; sent < total && !late; sent++ {
		id := sent
		due := begin.Add(time.Duration(sent) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		go func() {
			res, err := client.Get("http://" + address + "/orders/" + strconv.Itoa(id))
			if err == nil {
				_, err = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
			if err == nil && res.StatusCode != http.StatusOK {
				err = fmt.Errorf("answered %s", res.Status)
			}
			if err != nil {
				failed <- err
				return
			}
			done <- time.Since(due)
		}()
		late = sent-len(done)-len(failed) >= maxInFlight
	}
	for range sent {
		select {
		case t := <-done:
			times = append(times, t)
		case err := <-failed:
			tb.Log(err)
			late = true
		}
	}
	slices.Sort(times)
	return times, late
}

// percentile is by nearest rank.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, min(len(sorted)-1, int(float64(len(sorted))*p+.5)-1))]
}

// report prints the medians of all rounds as a table, and of what tracing adds
// to a round: no more than 1 % if a request takes a hundred times as much.
func report(w io.Writer, all []figures) {
	fmt.Fprintln(w, "\n| service | requests/s | sampled | CPU a request | more than bare | is 1 % of | p50 | p99 |\n|---|---|---|---|---|---|---|---|")
	var bare figures
	for _, f := range all {
		if f.mode == "bare" {
			bare = f
		}
		var cost, more []time.Duration
		for round, c := range f.cpu {
			if c == 0 {
				continue
			}
			cost = append(cost, c)
			if bare.cpu[round] > 0 {
				more = append(more, c-bare.cpu[round])
			}
		}
		if len(more) <= *rounds/2 {
			fmt.Fprintf(w, "| %s | %d | %s | does not carry it | | | | |\n", f.service, f.rate, sampled(f.mode))
			continue
		}
		adds := "|"
		if f.mode != "bare" {
			adds = fmt.Sprintf("%.1f µs | %.1f ms", micros(median(more)), micros(median(more))/10)
		}
		fmt.Fprintf(w, "| %s | %d | %s | %.1f µs | %s | %.2f ms | %.2f ms |\n", f.service, f.rate, sampled(f.mode), micros(median(cost)), adds,
			micros(percentile(f.times, .5))/1000, micros(percentile(f.times, .99))/1000)
	}
}

func sampled(mode string) string {
	if mode == "bare" {
		return mode
	}
	share, _ := strconv.ParseFloat(mode, 64)
	return fmt.Sprintf("%g %%", share*100)
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func median(values []time.Duration) time.Duration {
	slices.Sort(values)
	return percentile(values, .5)
}

// What is measured is what it says: bare servers send nothing, traced ones do.
func TestServers(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "100") // ms
	for _, s := range services(t) {
		for _, mode := range []string{"bare", "1"} {
			url, arrived := collector(t)
			p, stop := start(t, s, mode, url)
			times, late := load(t, p.address, 100, 500*time.Millisecond)
			if len(times) != 50 || late || p.cpu(t) <= 0 {
				t.Errorf("%s, %s: %d requests, late is %t, CPU %v", s.name, mode, len(times), late, p.cpu(t))
			}
			if mode == "bare" {
				stop()
			}
			select {
			case <-arrived:
				if mode == "bare" {
					t.Errorf("%s sends spans, bare", s.name)
				}
			default:
				if mode != "bare" {
					<-arrived
				}
			}
			stop()
		}
	}
}
