package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
)

// buildDir holds the binary that the tests of this file run.
var buildDir string

func TestMain(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "clew"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(buildDir)
	os.Exit(code)
}

var buildBinary = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(buildDir, "clew")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
})

// process is Clew as a process of its own.
type process struct {
	*testServer
	cmd *exec.Cmd
	log chan string // messages
}

// startProcess starts the binary and waits until all listeners are served.
func startProcess(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	binary, err := buildBinary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{log: make(chan string, 1000), testServer: &testServer{addrs: map[string]string{}}}
	p.cmd = exec.Command(binary, slices.Concat([]string{"serve", "--log.format=json", "--data-dir", dir}, anyPort, args)...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	})
	lines := bufio.NewScanner(stderr)
	for len(p.addrs) < len(anyPort) && lines.Scan() {
		var line struct{ Msg, Listener, Address string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("the log has the line %s", lines.Text())
		}
		if line.Msg == "listening" {
			p.addrs[line.Listener] = line.Address
		} else {
			t.Log(lines.Text())
		}
	}
	if len(p.addrs) < len(anyPort) {
		t.Fatalf("it ended before it served: %v", p.cmd.Wait())
	}
	go func() {
		defer close(p.log)
		for lines.Scan() {
			var line struct{ Msg string }
			json.Unmarshal(lines.Bytes(), &line)
			p.log <- line.Msg
		}
	}()
	return p
}

// wait returns how the process ended. It waits for the end of the log first, as exec asks for.
func (p *process) wait() error {
	for range p.log {
	}
	return p.cmd.Wait()
}

func TestTerminate(t *testing.T) {
	dir := t.TempDir()
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		p := startProcess(t, dir)
		a := newAcked(t, rand.Uint64())
		var at uint64
		next := func() uint64 { at += 100; return at - 100 }
		a.send(t.Context(), traceClient(t, p.addrs["otlp-grpc"]), next, 100, func(n int) {
			if n == 1000 { // and go on sending until that fails
				p.cmd.Process.Signal(sig)
			}
		})
		if err := p.wait(); err != nil {
			t.Errorf("%v: %v", sig, err)
		}
		s := startServer(t, "--data-dir", dir)
		a.check(t, s)
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}
}

func TestMemoryLimitIsTheCollectors(t *testing.T) {
	p := startProcess(t, t.TempDir(), "--memory.limit=200MiB")
	if _, metrics := get(t, p.url("http", "/metrics")); !bytes.Contains(metrics, []byte("\ngo_gc_gomemlimit_bytes 2.097152e+08\n")) {
		t.Errorf("go_gc_gomemlimit_bytes is not 200 MiB in:\n%s", metrics)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	p := startProcess(t, t.TempDir())
	stalledRequest(t, p.addrs["otlp-http"])
	p.cmd.Process.Signal(syscall.SIGTERM)
	for msg := range p.log {
		if msg == "stopping" {
			p.cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	p.wait()
	status := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v", p.cmd.ProcessState)
	}
}
