package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// Limits of how long the server may take to start and to stop.
const (
	startTimeout = 5 * time.Minute
	stopTimeout  = 5 * time.Minute
)

// process is a Clew server that bench started, and that it alone ends.
type process struct {
	cmd     *exec.Cmd
	logPath string
	exited  chan struct{} // closed when the process has ended
	err     error         // why, once exited is closed
}

// addresses are where the server listens, all on the loopback interface.
type addresses struct{ otlp, http, grpc, tempo, zipkin string }

// freeAddresses returns addresses on ports that nobody listens on.
func freeAddresses() (addresses, error) {
	var a addresses
	for _, addr := range []*string{&a.otlp, &a.http, &a.grpc, &a.tempo, &a.zipkin} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return a, err
		}
		defer l.Close() // only at the end, so that all differ
		*addr = l.Addr().String()
	}
	return a, nil
}

// bases returns where each API is served.
func (a addresses) bases() map[string]string {
	return map[string]string{
		"jaeger": "http://" + a.http, "clew": "http://" + a.http, "tempo": "http://" + a.tempo, "zipkin": "http://" + a.zipkin,
		"jaeger-grpc": a.grpc, "tempo-grpc": a.tempo,
	}
}

// startClew starts the binary and returns once it is ready, and how long that took.
func startClew(ctx context.Context, binary string, a addresses, dataDir, logPath string, extra []string) (*process, time.Duration, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, 0, err
	}
	defer log.Close() // the process has its own descriptor
	args := append([]string{"serve", "--data-dir", dataDir,
		"--listen.otlp-grpc", a.otlp, "--listen.otlp-http", "off",
		"--listen.http", a.http, "--listen.grpc", a.grpc, "--listen.tempo", a.tempo, "--listen.zipkin", a.zipkin}, extra...)
	for _, other := range []string{"jaeger-thrift-http", "jaeger-grpc", "jaeger-compact", "jaeger-binary", "sampling-http", "sampling-grpc"} {
		args = append(args, "--listen."+other, "off")
	}
	p := &process{cmd: exec.Command(binary, args...), logPath: logPath, exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// A group of its own: an interrupt at the terminal reaches bench, which stops the server in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, 0, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	if err := p.waitReady(ctx, "http://"+a.http+"/readyz"); err != nil {
		return nil, 0, errors.Join(err, p.stop(), p.lastLog())
	}
	return p, time.Since(began), nil
}

func (p *process) waitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("the server is not ready after %v", startTimeout))
	defer cancel()
	client := newClient(1)
	defer client.CloseIdleConnections()
	for {
		if _, err := get(ctx, client, url, ""); err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("the server ended before it was ready: %w", exitError(p.err))
		default:
		}
		if err := sleep(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
}

func exitError(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// stop asks the server to end and waits for it; a server that does not is killed, which is an error.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.exited:
		if p.err != nil {
			return fmt.Errorf("the server did not end well: %w", p.err)
		}
		return nil
	case <-timer.C:
		err := p.cmd.Process.Kill()
		<-p.exited
		return errors.Join(fmt.Errorf("the server had to be killed: it did not end within %v", stopTimeout), err)
	}
}

// cpuSeconds returns the CPU time of a process that has ended.
func (p *process) cpuSeconds() float64 {
	state := p.cmd.ProcessState
	return (state.UserTime() + state.SystemTime()).Seconds()
}

// lastLog returns the end of the server's log as an error.
func (p *process) lastLog() error {
	const most = 2000
	log, err := os.ReadFile(p.logPath)
	if err != nil {
		return err
	}
	log = bytes.TrimSpace(log[max(0, len(log)-most):])
	return fmt.Errorf("end of %s:\n%s", filepath.Base(p.logPath), log)
}

// server returns the view of the process from outside.
func (p *process) server(a addresses, dataDir string) *server {
	return &server{client: &http.Client{}, metrics: "http://" + a.http + "/metrics", pid: p.cmd.Process.Pid, dataDir: dataDir}
}

// clewRun says which Clew to measure, and on which folder.
type clewRun struct {
	binary string
	dir    string // "": a temporary one
	extra  []string

	at      addresses
	logPath string
}

func (c *clewRun) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.binary, "clew", "bin/clew", "the Clew `binary` to measure")
	cmd.Flags().StringVar(&c.dir, "data-dir", "", "`folder` for the data, which must not hold any; it is kept (default: a temporary one, which is not)")
}

func (c *clewRun) start(ctx context.Context) (*process, time.Duration, error) {
	return startClew(ctx, c.binary, c.at, c.dir, c.logPath, c.extra)
}

// withFolder calls measure with an empty folder and free addresses. What is temporary is removed at the end, but
// for the log of a server that did not do well.
func (b *bench) withFolder(c clewRun, measure func(c clewRun) error) (err error) {
	if entries, err := os.ReadDir(c.dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty; the measurement begins with an empty folder", c.dir)
	}
	work, err := os.MkdirTemp("", "clew-bench-")
	if err != nil {
		return err
	}
	c.logPath = filepath.Join(work, "clew.log")
	defer func() {
		if log, statErr := os.Stat(c.logPath); err != nil && statErr == nil && log.Size() > 0 {
			b.step("the server's log is in %s", work)
			return
		}
		err = errors.Join(err, os.RemoveAll(work))
	}()
	if c.dir == "" {
		c.dir = filepath.Join(work, "data")
	}
	if c.at, err = freeAddresses(); err != nil {
		return err
	}
	return measure(c)
}

// runClew measures a Clew that it starts, from an empty folder to a restart with the data.
func (b *bench) runClew(ctx context.Context, c clewRun) error {
	p, _, err := c.start(ctx)
	if err != nil {
		return err
	}
	b.server = p.server(c.at, c.dir)
	b.load.target = c.at.otlp
	b.bases = c.at.bases()
	for _, measure := range []func(context.Context) error{b.measureLoad, b.measureVerify, b.measureReads} {
		if err := measure(ctx); err != nil {
			return errors.Join(err, p.stop(), p.lastLog())
		}
	}
	return b.restart(ctx, p, c)
}

// restart stops p, starts it again with the data, and sees that the data is there.
func (b *bench) restart(ctx context.Context, p *process, c clewRun) error {
	b.step("stopping and starting again")
	var err error
	if b.report.ReadPeakMemory, err = procStatus(p.cmd.Process.Pid, "VmHWM"); err != nil {
		return errors.Join(err, p.stop())
	}
	before, err := b.server.usage(ctx)
	if err != nil {
		return errors.Join(err, p.stop())
	}
	began := time.Now()
	if err := p.stop(); err != nil {
		return errors.Join(err, p.lastLog())
	}
	r := &restart{StopSeconds: time.Since(began).Seconds(), StopCPUSeconds: max(0, p.cpuSeconds()-before.cpu)}
	if r.Disk, err = measureDisk(c.dir); err != nil {
		return err
	}
	r.DiskPerSpan = per(float64(r.Disk.Allocated), b.data.Spans)
	p, ready, err := c.start(ctx)
	if err != nil {
		return err
	}
	r.StartSeconds = ready.Seconds()
	b.report.Restart = r
	return errors.Join(b.verifySome(ctx), p.stop())
}

// verifySome looks whether some traces are still there.
func (b *bench) verifySome(ctx context.Context) error {
	const some = 1000
	r, err := b.traceReader(1)
	if err != nil {
		return err
	}
	defer r.client.CloseIdleConnections()
	g, err := b.data.generator(time.Now())
	if err != nil {
		return err
	}
	result, err := verify(ctx, g, b.data, r, some, 1)
	if err != nil {
		return err
	}
	if err := result.err(); err != nil {
		return fmt.Errorf("after the restart: %w", err)
	}
	return nil
}
