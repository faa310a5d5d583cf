package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/ingest"
)

type sendOptions struct {
	client
	service string
	follow  bool
	poll    time.Duration // between looks at a file that is followed
	retry   time.Duration // before the first time that something is sent again
}

const (
	// maxLine is the longest line that is sent, in bytes.
	maxLine = 1 << 20
	// maxPost is how much is sent at once; a line may come on top.
	maxPost = 1 << 20
	// maxRetry bounds the time between attempts, and sendAttempts their number unless a file is followed.
	maxRetry     = 30 * time.Second
	sendAttempts = 6
)

func newLogsSendCmd() *cobra.Command {
	o := sendOptions{poll: 250 * time.Millisecond, retry: 500 * time.Millisecond}
	cmd := &cobra.Command{
		Use:   "send FILE",
		Short: "Send logs that are lines of JSON",
		Long: `Send logs that are lines of JSON, each with a trace_id. What else a line has is
known by its usual names: span_id, time or ts or @timestamp (RFC 3339, or seconds
to nanoseconds since 1970), level or severity, msg or message, service; the rest
becomes attributes. Lines without a trace id are counted and not kept.

FILE may be - for standard input. --follow sends what is there and then what is
added, and goes on with the next file when this one is rotated or cut, until
it is interrupted. What cannot be sent is tried again.`,
		Example: "  clew logs send shop.jsonl --service shop\n" +
			"  clew logs send /var/log/shop.jsonl --follow\n" +
			"  tail -f shop.jsonl | clew logs send - --follow",
		Args: takesArgs(1, 1, "a file of lines of JSON, or - for standard input"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args[0], cmd.InOrStdin(), newScreen(cmd.ErrOrStderr()))
		},
	}
	o.client.addFlags(cmd)
	cmd.Flags().StringVar(&o.service, "service", "", "service of lines that name none")
	cmd.Flags().BoolVar(&o.follow, "follow", false, "go on with what is added to the file")
	return cmd
}

// run sends a file; notes gets what became of the lines.
func (o *sendOptions) run(ctx context.Context, path string, stdin io.Reader, notes screen) error {
	s := &logSender{sendOptions: o, notes: notes}
	var err error
	if path == "-" {
		err = s.copyUntil(ctx, stdin)
	} else {
		err = s.sendFile(ctx, path)
	}
	if err == nil {
		err = s.end(ctx)
	}
	s.report()
	if o.follow && ctx.Err() != nil {
		return nil // it was told to stop
	}
	return err
}

// logSender gathers lines and sends them.
type logSender struct {
	*sendOptions
	notes   screen
	pending []byte // whole lines
	partial []byte // the beginning of a line
	skip    bool   // the line that is being read is too long

	sum     ingest.LinesAnswer
	tooLong int64
	told    bool // that there are lines which are not kept
}

// sendFile sends a file and, if it is followed, what is added to it and to the files that take its name.
func (s *logSender) sendFile(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { f.Close() }()
	for {
		if err := s.copy(ctx, f); err != nil || !s.follow {
			return err
		}
		if err := pause(ctx, s.poll); err != nil {
			return err
		}
		next, err := s.nextFile(f, path)
		if err != nil {
			return err
		}
		if next == f {
			continue
		}
		// What was written to the old file until it was replaced has its end now.
		if err := errors.Join(s.copy(ctx, f), s.end(ctx)); err != nil {
			return err
		}
		f.Close()
		f = next
	}
}

// nextFile returns the file that has the name now: f if it is the same, rewound if it was cut. While there is none
// of the name, f is gone on with.
func (s *logSender) nextFile(f *os.File, path string) (*os.File, error) {
	here, err := f.Stat()
	if err != nil {
		return nil, err
	}
	there, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	if !os.SameFile(here, there) {
		return os.Open(path)
	}
	if at, err := f.Seek(0, io.SeekCurrent); err == nil && there.Size() < at {
		s.partial, s.skip = nil, false
		_, err = f.Seek(0, io.SeekStart)
		return f, err
	}
	return f, nil
}

// copyUntil is copy from what may keep a reader waiting, also when ctx ends.
func (s *logSender) copyUntil(ctx context.Context, r io.Reader) error {
	read, write := io.Pipe()
	defer read.Close()
	go func() {
		_, err := io.Copy(write, r)
		write.CloseWithError(err)
	}()
	defer context.AfterFunc(ctx, func() { write.CloseWithError(ctx.Err()) })()
	return s.copy(ctx, read)
}

// copy sends all whole lines that r has up to its end.
func (s *logSender) copy(ctx context.Context, r io.Reader) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		s.take(buf[:n])
		// A pipe that is slow is sent as it comes.
		if len(s.pending) >= maxPost || s.follow && n < len(buf) {
			if err := s.flush(ctx); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return s.flush(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// take adds text to the lines that are to be sent.
func (s *logSender) take(text []byte) {
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		rest := text[end+1:]
		if end < 0 {
			end, rest = len(text), nil
		}
		whole := rest != nil
		if s.skip = s.skip || len(s.partial)+end > maxLine; s.skip {
			s.partial = s.partial[:0]
		} else {
			s.partial = append(s.partial, text[:end]...)
		}
		if whole {
			s.endLine()
		}
		text = rest
	}
}

// endLine makes the line that was read up to here a whole one.
func (s *logSender) endLine() {
	if s.skip {
		s.tooLong++
	} else if len(s.partial) > 0 {
		s.pending = append(append(s.pending, s.partial...), '\n')
	}
	s.partial, s.skip = s.partial[:0], false
}

// end sends what is left, also if its last line has no end.
func (s *logSender) end(ctx context.Context) error {
	s.endLine()
	return s.flush(ctx)
}

// flush sends the lines that were gathered, again if need be.
func (s *logSender) flush(ctx context.Context) error {
	if len(s.pending) == 0 {
		return nil
	}
	wait := s.retry
	for attempt := 1; ; attempt++ {
		answer, err := s.post(ctx)
		if err == nil {
			s.count(answer)
			s.pending = s.pending[:0]
			return nil
		}
		after, again := retryAfter(err, wait)
		if ctx.Err() != nil || !again || !s.follow && attempt == sendAttempts {
			return err
		}
		fmt.Fprintf(s.notes, "%v; trying again in %s\n", err, after.Round(time.Millisecond))
		if err := pause(ctx, after); err != nil {
			return err
		}
		wait = min(2*wait, maxRetry)
	}
}

// retryAfter says whether and when to send again after an error.
func retryAfter(err error, wait time.Duration) (time.Duration, bool) {
	var refused *refusal
	var gone *unreachable
	switch {
	case errors.As(err, &gone):
		return wait, true
	case !errors.As(err, &refused):
		return 0, false
	case refused.code == http.StatusTooManyRequests || refused.code >= http.StatusInternalServerError:
		return max(wait, time.Duration(refused.retryAfter)*time.Second), true
	}
	return 0, false
}

func (s *logSender) post(ctx context.Context) (*ingest.LinesAnswer, error) {
	query := url.Values{}
	if s.service != "" {
		query.Set("service", s.service)
	}
	answer := new(ingest.LinesAnswer)
	err := s.client.post(ctx, "/api/clew/v1/logs", query, "application/x-ndjson", bytes.NewReader(s.pending), answer)
	var refused *refusal
	if errors.As(err, &refused) && refused.code == http.StatusBadRequest { // none of the lines can be read
		return &ingest.LinesAnswer{Malformed: int64(bytes.Count(s.pending, []byte("\n"))), Message: refused.message}, nil
	}
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// count adds up what became of lines, and tells the first time that some are not kept.
func (s *logSender) count(a *ingest.LinesAnswer) {
	s.sum.Accepted += a.Accepted
	s.sum.WithoutTraceID += a.WithoutTraceID
	s.sum.Malformed += a.Malformed
	if a.Message != "" && !s.told {
		s.told = true
		fmt.Fprintln(s.notes, printable(a.Message))
	}
}

func (s *logSender) report() {
	fmt.Fprintf(s.notes, "%s kept", counted(int(s.sum.Accepted), "log record"))
	for _, other := range []struct {
		n   int64
		why string
	}{{s.sum.WithoutTraceID, "without a trace id"}, {s.sum.Malformed, "that cannot be read"}, {s.tooLong, "longer than 1 MiB"}} {
		if other.n > 0 {
			fmt.Fprintf(s.notes, ", %s %s not kept", counted(int(other.n), "line"), other.why)
		}
	}
	fmt.Fprintln(s.notes)
}

// pause waits, or returns ctx's error if that ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
