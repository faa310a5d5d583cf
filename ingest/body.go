package ingest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// readBody reads and decompresses the body of a request. The buffer goes back
// with putBody.
func (r *Receiver) readBody(w http.ResponseWriter, req *http.Request, protocol string, l *lease) (*[]byte, error) {
	if req.ContentLength > int64(r.cfg.MaxRequestBytes) {
		return nil, r.tooLarge()
	}
	src := &counted{Reader: http.MaxBytesReader(w, req.Body, int64(r.cfg.MaxRequestBytes))}
	defer func() { r.metrics.receivedBytes.WithLabelValues(protocol).Add(float64(src.n)) }()

	encoding := strings.ToLower(strings.TrimSpace(req.Header.Get("Content-Encoding")))
	from, err := r.decompress(req.Context(), encoding, src, l)
	if err != nil {
		return nil, r.bodyError(encoding, err)
	}
	defer from.Close()
	buf, err := r.readAll(req.Context(), from, l)
	return buf, r.bodyError(encoding, err)
}

// decompress returns a reader of what src holds in a Content-Encoding.
func (r *Receiver) decompress(ctx context.Context, encoding string, src io.Reader, l *lease) (io.ReadCloser, error) {
	switch encoding {
	case "", "identity":
		return io.NopCloser(src), nil
	case "gzip":
		return gzips.open(src)
	case "zstd":
		return zstds.open(src)
	case "deflate", "zlib": // the Collector knows both names
		return deflates.open(src)
	case "snappy", "x-snappy-framed":
		// Senders use the first name for both forms.
		peek := bufio.NewReader(src)
		if head, _ := peek.Peek(10); isFramed(head) {
			return snappies.open(peek)
		}
		return r.snappyBlock(ctx, peek, l)
	}
	return nil, refusal{http.StatusUnsupportedMediaType, fmt.Sprintf(
		"content encoding %q is not supported; gzip, zstd, deflate, snappy and identity are", encoding)}
}

// snappyBlock decompresses bare snappy, which names its size and is read whole.
func (r *Receiver) snappyBlock(ctx context.Context, src io.Reader, l *lease) (io.ReadCloser, error) {
	buf, err := r.readAll(ctx, src, l)
	if err != nil {
		return nil, err
	}
	defer r.putBody(buf)
	size, err := s2.DecodedLen(*buf)
	if err != nil {
		return nil, err
	}
	if size > r.cfg.MaxRequestBytes {
		return nil, r.tooLarge()
	}
	raw, err := s2.Decode(nil, *buf)
	return io.NopCloser(bytes.NewReader(raw)), err
}

// readAll reads src to its end into a buffer that goes back with putBody. The
// lease grows with what was read, not with what the sender announced.
func (r *Receiver) readAll(ctx context.Context, src io.Reader, l *lease) (*[]byte, error) {
	buf := r.bodies.Get().(*[]byte)
	*buf = (*buf)[:0]
	var err error
	for err == nil {
		if len(*buf) == cap(*buf) {
			*buf = slices.Grow(*buf, max(bytes.MinRead, cap(*buf)))
		}
		var n int
		n, err = src.Read((*buf)[len(*buf):cap(*buf)])
		*buf = (*buf)[:len(*buf)+n]
		if len(*buf) > r.cfg.MaxRequestBytes {
			err = r.tooLarge()
		} else if e := l.grow(ctx, n); e != nil {
			err = e
		}
	}
	if err == io.EOF {
		return buf, nil
	}
	r.putBody(buf)
	return nil, err
}

// putBody takes back what readAll returned.
func (r *Receiver) putBody(buf *[]byte) {
	if cap(*buf) <= maxPooledRaw {
		r.bodies.Put(buf)
	}
}

func (r *Receiver) tooLarge() error {
	return fmt.Errorf("%w: more than %d bytes; send smaller batches", ErrTooLarge, r.cfg.MaxRequestBytes)
}

// bodyError classes an error from reading a body.
func (r *Receiver) bodyError(encoding string, err error) error {
	var overLimit *http.MaxBytesError
	var again retryable
	var refused refusal
	switch {
	case err == nil, errors.As(err, &again), errors.As(err, &refused), errors.Is(err, ErrTooLarge),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &overLimit):
		return r.tooLarge()
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case encoding == "" || encoding == "identity":
		return invalid{fmt.Errorf("cannot read the body: %w", err)}
	}
	return invalid{fmt.Errorf("cannot decompress the body as %s: %w", encoding, err)}
}

// counted counts the bytes that are read.
type counted struct {
	io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}
