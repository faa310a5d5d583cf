package sample

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// maxFileBytes bounds a file of strategies or policies.
const maxFileBytes = 16 << 20

// Source is where strategies come from. It keeps the last good ones.
type Source = watchedFile[Strategies]

// PolicySource is where policies come from. It keeps the last good ones.
type PolicySource = watchedFile[Policies]

// watchedFile is a file, or what a URL has, that is parsed anew when it changes.
type watchedFile[T any] struct {
	path    string // or URL; "" says nothing
	what    string // it has, for messages
	parse   func(text []byte) (*T, []string, error)
	client  *http.Client
	log     *slog.Logger
	text    []byte // of current
	current atomic.Pointer[T]
	problem atomic.Pointer[string] // nil if there was none when it was last read
}

// NewSource reads the file at a path or, with client, an http(s) URL; with "" it has no
// strategy but a probability, and with a URL that answers 503 has none yet. log
// is told of what is wrong with a file; an error is returned only if there is no
// good one from the start.
func NewSource(ctx context.Context, path string, probability float64, client *http.Client, log *slog.Logger) (*Source, error) {
	s := &Source{path: path, what: "sampling strategies", client: client, log: log}
	s.parse = func(text []byte) (*Strategies, []string, error) {
		parsed, err := ParseStrategies(text, probability)
		if err != nil {
			return nil, nil, err
		}
		return parsed, parsed.warnings, nil
	}
	none, err := ParseStrategies(nil, probability)
	if err != nil {
		return nil, err
	}
	s.current.Store(none)
	if path == "" {
		return s, nil
	}
	err = s.Reload(ctx)
	if errors.Is(err, errUnavailable) {
		log.Warn("there are no sampling strategies yet", "err", err)
		return s, nil
	}
	return s, err
}

// errUnavailable is what a URL answers that has nothing for now: what it had before holds, and at the start there is nothing, as
// Jaeger has it.
var errUnavailable = errors.New("answers 503 Service Unavailable")

// NewPolicySource returns the policies of a file at a path or, with client, an http(s) URL, which is not read yet: there are none.
func NewPolicySource(path string, client *http.Client, log *slog.Logger) *PolicySource {
	return &PolicySource{path: path, what: "sampling policies", client: client, log: log, parse: func(text []byte) (*Policies, []string, error) {
		parsed, err := ParsePolicies(text)
		if err != nil {
			return nil, nil, err
		}
		return parsed, parsed.warnings, nil
	}}
}

// Current returns what holds; nil if nothing good was read yet.
func (s *watchedFile[T]) Current() *T { return s.current.Load() }

// Problem returns what was wrong with the file when it was last read, "" if nothing was.
func (s *watchedFile[T]) Problem() string {
	if p := s.problem.Load(); p != nil {
		return *p
	}
	return ""
}

// Watch reads the file again at an interval, until ctx ends. The log is told when what is wrong with it changes.
func (s *watchedFile[T]) Watch(ctx context.Context, interval time.Duration) {
	if s.path == "" || interval <= 0 {
		return
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			before := s.Problem()
			err := s.Reload(ctx)
			switch now := s.Problem(); {
			case now == before:
			case now == "":
				s.log.Info("the "+s.what+" can be read again", "file", s.path)
			default:
				s.log.Error("the "+s.what+" are not replaced", "err", err)
			}
		}
	}
}

// Reload reads the file. If there is anything wrong with it, all stays as it is.
func (s *watchedFile[T]) Reload(ctx context.Context) error {
	err := s.reload(ctx)
	switch {
	case err == nil:
		s.problem.Store(nil)
	case ctx.Err() == nil:
		text := err.Error()
		s.problem.Store(&text)
	}
	return err
}

func (s *watchedFile[T]) reload(ctx context.Context) error {
	text, err := s.read(ctx)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(text)) == 0 { // as while it is being written
		return fmt.Errorf("%s: the file is empty", s.path)
	}
	if s.text != nil && bytes.Equal(text, s.text) {
		return nil
	}
	parsed, warnings, err := s.parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	for _, w := range warnings {
		s.log.Warn("in the "+s.what+": "+w, "file", s.path)
	}
	s.log.Info(s.what+" are read", "file", s.path)
	s.text = text
	s.current.Store(parsed)
	return nil
}

func (s *watchedFile[T]) read(ctx context.Context) ([]byte, error) {
	if !strings.HasPrefix(s.path, "http://") && !strings.HasPrefix(s.path, "https://") {
		f, err := os.Open(s.path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return readBounded(s.path, f)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.path, nil)
	if err != nil {
		return nil, err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
		return readBounded(s.path, res.Body)
	case http.StatusServiceUnavailable:
		return nil, fmt.Errorf("%s %w", s.path, errUnavailable)
	}
	return nil, fmt.Errorf("%s answers %s", s.path, res.Status)
}

func readBounded(path string, r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		err = errors.New("the file is too large")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}
