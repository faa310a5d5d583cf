package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/span"
)

// client asks a running server for traces.
type client struct {
	server string // URL of its http port
	tenant string
}

func (c *client) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.server, "server", "http://127.0.0.1:16686", "URL of the server's http port")
	cmd.Flags().StringVar(&c.tenant, "tenant", "", "tenant to ask for (default: the server's)")
}

// ask reads the answer to a query into result. If notes is a terminal, it shows there how far the query has come.
func (c *client) ask(ctx context.Context, path string, query url.Values, result any, notes screen) error {
	accept := "application/json"
	if notes.terminal {
		accept = eventStream
	}
	body, header, err := c.get(ctx, path, query, accept)
	if err != nil {
		return err
	}
	defer body.Close()
	if kind, _, _ := mime.ParseMediaType(header.Get("Content-Type")); kind == eventStream {
		bar := newProgress(notes)
		defer bar.clear()
		err = readEvents(body, result, bar)
	} else {
		err = json.NewDecoder(body).Decode(result)
	}
	if refused := (*refusal)(nil); err != nil && !errors.As(err, &refused) {
		err = fmt.Errorf("cannot read the server's answer: %w", err)
	}
	return err
}

// read reads an answer that needs no progress.
func (c *client) read(ctx context.Context, path string, query url.Values, answer any) error {
	body, _, err := c.get(ctx, path, query, "application/json")
	if err != nil {
		return err
	}
	return readJSON(body, answer)
}

// post sends content of a media type, or nothing if content is nil, and reads the answer.
func (c *client) post(ctx context.Context, path string, query url.Values, media string, content io.Reader, answer any) error {
	header := http.Header{"Accept": {"application/json"}}
	if content != nil {
		header.Set("Content-Type", media)
	}
	body, _, err := c.do(ctx, http.MethodPost, path, query, header, content)
	if err != nil {
		return err
	}
	return readJSON(body, answer)
}

func readJSON(body io.ReadCloser, answer any) error {
	defer body.Close()
	if err := json.NewDecoder(body).Decode(answer); err != nil {
		return fmt.Errorf("cannot read the server's answer: %w", err)
	}
	return nil
}

// base returns the URL of the server.
func (c *client) base() (*url.URL, error) {
	server := c.server
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	base, err := url.Parse(server)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("--server %q is not a URL such as http://127.0.0.1:16686", c.server)
	}
	return base, nil
}

// get returns the body of a successful answer and its header.
func (c *client) get(ctx context.Context, path string, query url.Values, accept string) (io.ReadCloser, http.Header, error) {
	return c.do(ctx, http.MethodGet, path, query, http.Header{"Accept": {accept}}, nil)
}

// do sends a request and returns the body of a successful answer and its header.
func (c *client) do(ctx context.Context, method, path string, query url.Values, header http.Header, content io.Reader) (io.ReadCloser, http.Header, error) {
	base, err := c.base()
	if err != nil {
		return nil, nil, err
	}
	target := base.JoinPath(path)
	target.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, target.String(), content)
	if err != nil {
		return nil, nil, err
	}
	req.Header = header
	if c.tenant != "" {
		req.Header.Set(span.TenantHeader, c.tenant)
	}
	for _, name := range []string{"traceparent", "tracestate"} { // of whoever runs this command, such as a traced script
		if v := os.Getenv(strings.ToUpper(name)); v != "" {
			req.Header.Set(name, v)
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the URL, which the message names already
		}
		return nil, nil, &unreachable{fmt.Errorf("cannot reach a server at %s (is \"clew serve\" running?): %w", base, err)}
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		const maxMessage = 64 << 10
		text, _ := io.ReadAll(io.LimitReader(res.Body, maxMessage))
		refused := readRefusal(res.Status, text)
		refused.code = res.StatusCode
		refused.retryAfter, _ = strconv.Atoi(res.Header.Get("Retry-After"))
		return nil, nil, refused
	}
	return res.Body, res.Header, nil
}

// unreachable says that there was no answer.
type unreachable struct{ error }

func (e *unreachable) Unwrap() error { return e.error }

// refusal is an answer that is not a success.
type refusal struct {
	message    string
	code       int // of HTTP; 0 for an event
	retryAfter int // seconds; 0 if nothing is said
}

func (e *refusal) Error() string { return e.message }

// readRefusal makes an error of the body of such an answer.
func readRefusal(status string, body []byte) *refusal {
	var answer struct{ Error api.ErrorBody }
	if json.Unmarshal(body, &answer) != nil || answer.Error.Message == "" {
		answer.Error.Message = strings.TrimSpace(string(body))
	}
	message := "the server answered " + printable(status)
	if answer.Error.Message != "" {
		message += ": " + printable(answer.Error.Message)
	}
	return &refusal{message: message + indentedCaret(answer.Error.Caret)}
}

const eventStream = "text/event-stream"

// readEvents reads server-sent events until the result comes, or an error instead.
func readEvents(r io.Reader, result any, bar *progress) error {
	in := bufio.NewReader(r)
	event := ""
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return io.ErrUnexpectedEOF // before the result
		} else if err != nil {
			return err
		}
		field, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(": "))
		if string(field) == "event" {
			event = string(value)
		}
		if string(field) != "data" {
			continue
		}
		switch event {
		case "progress":
			var p api.Progress
			if err := json.Unmarshal(value, &p); err != nil {
				return err
			}
			bar.show(p)
		case "result":
			return json.Unmarshal(value, result)
		case "error":
			return readRefusal("with an error", value)
		}
	}
}
