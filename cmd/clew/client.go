package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

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

// get returns the body of a successful answer and its header.
func (c *client) get(ctx context.Context, path string, query url.Values) (io.ReadCloser, http.Header, error) {
	server := c.server
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	base, err := url.Parse(server)
	if err != nil || base.Host == "" {
		return nil, nil, fmt.Errorf("--server %q is not a URL such as http://127.0.0.1:16686", c.server)
	}
	target := base.JoinPath(path)
	target.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	if c.tenant != "" {
		req.Header.Set(span.TenantHeader, c.tenant)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the URL, which the message names already
		}
		return nil, nil, fmt.Errorf("cannot reach a server at %s (is \"clew serve\" running?): %w", base, err)
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		return nil, nil, refusal(res)
	}
	return res.Body, res.Header, nil
}

// refusal makes an error of an answer that is not a success.
func refusal(res *http.Response) error {
	const maxMessage = 4 << 10
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxMessage))
	var answer struct {
		Error struct{ Message string }
	}
	message := strings.TrimSpace(string(body))
	if json.Unmarshal(body, &answer) == nil && answer.Error.Message != "" {
		message = answer.Error.Message
	}
	if message == "" {
		return fmt.Errorf("the server answered %s", printable(res.Status))
	}
	return fmt.Errorf("the server answered %s: %s", printable(res.Status), printable(message))
}
