package doctor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"golang.org/x/net/http/httpproxy"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/clewhq/clew/span"
)

// Endpoint sends a request without spans to where an SDK sends its own, and in its way. The status is that of the
// server, or nil if it is not known.
func Endpoint(ctx context.Context, t *Target, env Variables, server *Status) []Finding {
	u, err := url.Parse(t.URL)
	if err != nil {
		return nil // the look at the environment has told
	}
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), map[bool]string{true: "443", false: "80"}[u.Scheme == "https"])
	}
	e := &endpoint{Target: t, url: u, address: address, server: server}
	e.proxy = e.proxyOf(env)
	err = e.export(ctx)
	switch {
	case err == nil:
		e.add("endpoint-takes-spans", OK, fmt.Sprintf("%s takes spans as %s", u.Redacted(), t.Protocol), "", "")
	default:
		e.explain(identify(ctx, address))
		if last := &e.found[len(e.found)-1]; t.Assumed && last.ID == "endpoint-grpc-port" {
			last.Result = Warning // SDKs whose default is gRPC do well
		}
	}
	return e.found
}

type endpoint struct {
	*Target
	url     *url.URL
	address string
	server  *Status
	proxy   *url.URL
	answer  int    // of HTTP
	said    string // what the request was answered
	found   []Finding
}

func (e *endpoint) add(id string, result Result, title, cause, fix string) {
	f := Finding{ID: id, Check: CheckEndpoints, Result: result, Title: title, Cause: cause, Fix: fix}
	f.Evidence = append(f.Evidence, "spans go to "+e.url.Redacted()+" as "+e.Protocol+" ("+e.From+")")
	if e.said != "" {
		f.Evidence = append(f.Evidence, "the answer: "+e.said)
	}
	e.found = append(e.found, f)
}

// proxyOf returns the proxy by which an SDK goes, nil if none.
func (e *endpoint) proxyOf(env Variables) *url.URL {
	either := func(name string) string {
		if v := env[strings.ToLower(name)]; v != "" {
			return v
		}
		return env[name]
	}
	cfg := httpproxy.Config{HTTPProxy: either("HTTP_PROXY"), HTTPSProxy: either("HTTPS_PROXY"), NoProxy: either("NO_PROXY")}
	asked := *e.url
	if e.Protocol == "grpc" {
		asked.Scheme = "https" // gRPC tunnels through it
	}
	proxy, err := cfg.ProxyFunc()(&asked)
	if err != nil {
		return nil
	}
	if proxy != nil {
		e.add("endpoint-proxy", Warning, "Spans go through the proxy "+proxy.Redacted(), "HTTP_PROXY or HTTPS_PROXY is set, and NO_PROXY does not name the host.", "add the host to NO_PROXY: NO_PROXY="+strings.TrimPrefix(either("NO_PROXY")+",", ",")+e.url.Hostname())
	}
	return proxy
}

const sendTimeout = 5 * time.Second

// export sends an empty request.
func (e *endpoint) export(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if e.Protocol == "grpc" {
		return e.exportGRPC(ctx)
	}
	body, media := []byte{}, "application/x-protobuf"
	switch e.Protocol {
	case "http/json":
		body, media = []byte("{}"), "application/json"
	case "zipkin":
		body, media = []byte("[]"), "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", media)
	req.Header.Set("User-Agent", span.ProbeAgent)
	for name, value := range e.Headers {
		req.Header.Set(name, value)
	}
	client := http.Client{Transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return e.proxy, nil }, DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		e.said = plainError(err)
		return err
	}
	defer res.Body.Close()
	if e.answer = res.StatusCode; res.StatusCode/100 == 2 {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 300))
	e.said = strings.TrimSpace(res.Status + " " + firstLine(text))
	return fmt.Errorf("%s", e.said)
}

// firstLine returns the first line of an answer, if it is text.
func firstLine(text []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if strings.HasPrefix(line, "<") || strings.ContainsFunc(line, func(c rune) bool { return c < ' ' || c == '\ufffd' }) {
		return ""
	}
	return line
}

func (e *endpoint) exportGRPC(ctx context.Context) error {
	creds := insecure.NewCredentials()
	if e.url.Scheme == "https" {
		creds = credentials.NewTLS(nil)
	}
	conn, err := grpc.NewClient("passthrough:///"+e.address, grpc.WithTransportCredentials(creds), grpc.WithUserAgent(span.ProbeAgent))
	if err != nil {
		return err
	}
	defer conn.Close()
	for name, value := range e.Headers {
		ctx = metadata.AppendToOutgoingContext(ctx, name, value)
	}
	_, err = coltrace.NewTraceServiceClient(conn).Export(ctx, &coltrace.ExportTraceServiceRequest{})
	if err != nil {
		e.said = status.Code(err).String() + ": " + status.Convert(err).Message()
	}
	return err
}

// explain tells why an export failed, by what the port speaks.
func (e *endpoint) explain(s spoken) {
	if s.dial != nil {
		f := unreachable(CheckEndpoints, "the endpoint", e.address, s.dial)
		f.ID = "endpoint-" + f.ID
		e.found = append(e.found, f)
		return
	}
	byTLS := e.url.Scheme == "https"
	listener := e.listener()
	switch {
	case byTLS && !s.tls:
		e.add("endpoint-plain", Problem, "The endpoint is https://, but the port speaks no TLS", "The port speaks "+s.String()+".", "write http:// instead of https://; Clew has no TLS of its own, put a proxy before it")
	case !byTLS && s.tls:
		e.add("endpoint-tls", Problem, "The endpoint is http://, but the port speaks TLS", "The port speaks "+s.String()+".", "write https:// instead of http://")
	case listener != "" && !takes(e.Protocol, listener):
		e.add(wrongPort(e.Protocol, listener), Problem, fmt.Sprintf("%s is sent to the port of %s", protocolName(e.Protocol), listener), "The port speaks "+s.String()+"; the server says that it is its listener "+listener+".", e.rightPort())
	case e.Protocol == "grpc" && s.http1:
		e.add("endpoint-http-port", Problem, "gRPC is sent to a port that speaks HTTP", "The port speaks "+s.String()+".", e.rightPort())
	case e.Protocol != "grpc" && s.http2:
		e.add("endpoint-grpc-port", Problem, "HTTP is sent to a port that speaks gRPC", "The port speaks "+s.String()+".", e.rightPort())
	case e.answer == http.StatusUnauthorized || e.answer == http.StatusForbidden || strings.HasPrefix(e.said, codes.Unauthenticated.String()) || strings.HasPrefix(e.said, codes.PermissionDenied.String()):
		e.add("endpoint-unauthorized", Problem, "The endpoint asks for a token, or for another one", "", "set OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20TOKEN")
	case e.answer == http.StatusNotFound || e.answer == http.StatusMethodNotAllowed || strings.HasPrefix(e.said, codes.Unimplemented.String()):
		e.add("endpoint-path", Problem, fmt.Sprintf("Nothing takes spans at the path %s", e.url.Path), "SDKs add /v1/traces to OTEL_EXPORTER_OTLP_ENDPOINT, and nothing to OTEL_EXPORTER_OTLP_TRACES_ENDPOINT; Zipkin's path is /api/v2/spans.", "write the endpoint without a path, as http://"+e.address)
	case e.proxy != nil:
		e.add("endpoint-proxy-fails", Problem, "The proxy does not reach the endpoint", "", "add the host to NO_PROXY: "+e.url.Hostname())
	default:
		e.add("endpoint-fails", Problem, "The endpoint does not take spans", "The port speaks "+s.String()+".", "look into the server's log")
	}
}

// listener returns the name of the server's listener at the endpoint, "" if it is not known.
func (e *endpoint) listener() string {
	if e.server == nil {
		return ""
	}
	host, port, _ := net.SplitHostPort(e.address)
	for _, l := range e.server.Listeners {
		own, ownPort, err := net.SplitHostPort(l.Address)
		if err == nil && l.Network == "tcp" && port == ownPort && (isAny(own) || own == host || isLoopback(own) && isLoopback(host)) {
			return l.Name
		}
	}
	return ""
}

func isAny(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsUnspecified()
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func takes(protocol, listener string) bool {
	switch protocol {
	case "grpc":
		return listener == "otlp-grpc"
	case "zipkin":
		return listener == "zipkin"
	}
	return listener == "otlp-http"
}

func wrongPort(protocol, listener string) string {
	switch {
	case protocol == "grpc" && listener == "otlp-http":
		return "endpoint-http-port"
	case protocol != "grpc" && listener == "otlp-grpc":
		return "endpoint-grpc-port"
	}
	return "endpoint-other-port"
}

func protocolName(protocol string) string {
	switch protocol {
	case "grpc":
		return "OTLP by gRPC"
	case "zipkin":
		return "Zipkin"
	}
	return "OTLP by HTTP"
}

// rightPort says which port, or which protocol, would do.
func (e *endpoint) rightPort() string {
	want, other, port, otherPort := "http/protobuf", "grpc", "4318", "4317"
	listener, otherListener := "otlp-http", "otlp-grpc"
	if e.Protocol == "zipkin" {
		return "send to http://" + e.url.Hostname() + ":9411/api/v2/spans"
	}
	if e.Protocol == "grpc" {
		want, other, port, otherPort, listener, otherListener = other, want, otherPort, port, otherListener, listener
	}
	if e.server != nil {
		for _, l := range e.server.Listeners {
			if _, p, err := net.SplitHostPort(l.Address); err == nil && l.Name == listener {
				port = p
			} else if err == nil && l.Name == otherListener {
				otherPort = p
			}
		}
	}
	return fmt.Sprintf("use port %s for %s, or OTEL_EXPORTER_OTLP_PROTOCOL=%s for port %s", port, want, other, otherPort)
}

// Listeners looks at every listener of a server from here. base is the URL by which the server was asked.
func Listeners(ctx context.Context, server *Status, base *url.URL) []Finding {
	ok := Finding{ID: "listeners-reachable", Check: CheckEndpoints, Result: OK, Title: "The server's ports are reachable from here"}
	var found []Finding
	var off []string
	for _, l := range server.Listeners {
		address := Reached(l, base)
		switch {
		case l.Address == "":
			off = append(off, l.Name)
			continue
		case l.Network == "udp": // says nothing; the round trip tells
			continue
		case isElsewhere(l, base):
			found = append(found, Finding{
				ID: "listener-loopback", Check: CheckEndpoints, Result: Warning, Title: fmt.Sprintf("The server's port %s cannot be reached from other hosts", l.Name),
				Evidence: []string{l.Name + " listens on " + l.Address}, Fix: fmt.Sprintf("start the server with --listen.%s=0.0.0.0:PORT, if it should be", l.Name),
			})
			continue
		}
		s := identify(ctx, address)
		if s.dial != nil {
			f := unreachable(CheckEndpoints, "the listener "+l.Name, address, s.dial)
			f.ID = "listener-" + f.ID
			found = append(found, f)
			continue
		}
		ok.Evidence = append(ok.Evidence, fmt.Sprintf("%s at %s: %s", l.Name, address, s))
	}
	if len(off) > 0 {
		ok.Evidence = append(ok.Evidence, "off: "+strings.Join(off, ", "))
	}
	return append([]Finding{ok}, found...)
}

// isElsewhere reports whether a listener only takes what comes from its own host, which is not this one.
func isElsewhere(l Listener, base *url.URL) bool {
	host, _, err := net.SplitHostPort(l.Address)
	return err == nil && isLoopback(host) && !isLoopback(base.Hostname())
}

// Reached returns the address of a listener as it is seen from here.
func Reached(l Listener, base *url.URL) string {
	host, port, err := net.SplitHostPort(l.Address)
	if err == nil && isAny(host) {
		return net.JoinHostPort(base.Hostname(), port)
	}
	return l.Address
}
