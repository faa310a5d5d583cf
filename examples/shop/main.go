// Shop runs a small shop of services that call one another, with customers,
// against Clew, until Ctrl-C: see README.md.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// shop is what was asked for.
type shop struct {
	form   string // modern or legacy
	clew   string // the program, or "" for one that runs already
	source string // the folder of node/ and python/
	data   string
	port   int
	visits
}

func main() {
	var s shop
	flag.StringVar(&s.form, "form", "modern", "how the services send: `modern`, by OTLP, or legacy, with Jaeger's exporters")
	flag.StringVar(&s.clew, "clew", "", "start this `program`, with the arguments behind all flags; without it Clew runs already")
	flag.StringVar(&s.source, "source", ".", "the `folder` examples/shop")
	flag.StringVar(&s.data, "data", "data", "the `folder` for Clew's data and the services' logs")
	flag.IntVar(&s.port, "port", 8080, "the front end's `port`; 0 for any")
	flag.IntVar(&s.number, "visits", 0, "end after so many visits; 0 for none")
	flag.Float64Var(&s.rate, "rate", 3, "visits a second")
	flag.Uint64Var(&s.seed, "seed", 1, "of what the customers do")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := s.run(ctx, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

// run starts all parts, each when those that it needs are there, and stops them
// in the opposite order, so that each can finish what it was given.
func (s *shop) run(ctx context.Context, clewArgs []string) (err error) {
	if !(s.rate > 0 && s.rate <= 1000) {
		return fmt.Errorf("rate %g: it is more than 0 and at most 1000 visits a second", s.rate)
	}
	if s.source, err = filepath.Abs(s.source); err != nil {
		return err
	}
	packages, err := s.install(ctx)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.data, 0o755); err != nil {
		return err
	}
	logPath := filepath.Join(s.data, "shop.jsonl")
	log, err := os.Create(logPath)
	if err != nil {
		return err
	}
	defer log.Close()

	// What else is to be known of a service, beside its name.
	os.Setenv("OTEL_RESOURCE_ATTRIBUTES", cmp.Or(os.Getenv("OTEL_RESOURCE_ATTRIBUTES"), "service.version=1.0,deployment.environment.name=example"))
	procs := newProcesses(ctx, log)
	defer func() { err = errors.Join(err, procs.stop()) }()
	page, err := s.startClew(procs, clewArgs)
	if err != nil {
		return err
	}
	queue, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		return err
	}
	queue.Start()
	defer queue.Shutdown()
	defer func() { err = errors.Join(err, procs.stop("clew")) }()
	if !queue.ReadyForConnections(10 * time.Second) {
		return errors.New("the queue does not start")
	}
	front, err := s.startServices(procs, packages, queue.ClientURL())
	if err != nil {
		return err
	}
	fmt.Printf("The shop is open, in %s form, and has %g visits a second. Ctrl-C closes it.\n\n", s.form, s.rate)
	fmt.Printf("  what happens     %s\n  the front end    http://%s/products\n  logs             %s\n\n", page, front, logPath)
	err = s.visits.run(procs.ctx, "http://"+front, log)
	if ctx.Err() != nil { // Ctrl-C is how it ends
		return nil
	}
	return err
}
