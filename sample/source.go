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

// maxStrategies bounds a file of strategies, in bytes.
const maxStrategies = 16 << 20

// Source is where strategies come from. It keeps the last good ones.
type Source struct {
	path        string // or URL; "" says nothing
	probability float64
	client      *http.Client
	log         *slog.Logger
	text        []byte // of current
	current     atomic.Pointer[Strategies]
}

// NewSource reads the file at a path or, with client, an http(s) URL; with "" it
// has no strategy but a probability. log is told of what is wrong with a file; an
// error is returned only if there is no good one from the start.
func NewSource(ctx context.Context, path string, probability float64, client *http.Client, log *slog.Logger) (*Source, error) {
	s := &Source{path: path, probability: probability, client: client, log: log}
	none, err := ParseStrategies(nil, probability)
	if err != nil {
		return nil, err
	}
	s.current.Store(none)
	if path == "" {
		return s, nil
	}
	return s, s.Reload(ctx)
}

// Current returns the strategies that hold.
func (s *Source) Current() *Strategies { return s.current.Load() }

// Watch reads the file again at an interval, until ctx ends.
func (s *Source) Watch(ctx context.Context, interval time.Duration) {
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
			if err := s.Reload(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("the sampling strategies are not replaced", "err", err)
			}
		}
	}
}

// Reload reads the file. If there is anything wrong with it, the strategies stay as they are.
func (s *Source) Reload(ctx context.Context) error {
	text, err := s.read(ctx)
	if err != nil {
		return err
	}
	if s.text != nil && bytes.Equal(text, s.text) {
		return nil
	}
	parsed, err := ParseStrategies(text, s.probability)
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	for _, w := range parsed.warnings {
		s.log.Warn("in the sampling strategies: "+w, "file", s.path)
	}
	s.log.Info("sampling strategies are read", "file", s.path, "services", len(parsed.services))
	s.text = text
	s.current.Store(parsed)
	return nil
}

func (s *Source) read(ctx context.Context) ([]byte, error) {
	if !strings.HasPrefix(s.path, "http://") && !strings.HasPrefix(s.path, "https://") {
		f, err := os.Open(s.path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return readStrategies(s.path, f)
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
		return readStrategies(s.path, res.Body)
	case http.StatusServiceUnavailable: // as Jaeger has it: there are none for now
		return []byte("null"), nil
	}
	return nil, fmt.Errorf("%s answers %s", s.path, res.Status)
}

func readStrategies(path string, r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxStrategies+1))
	if err == nil && len(text) > maxStrategies {
		err = errors.New("the file is too large")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}
