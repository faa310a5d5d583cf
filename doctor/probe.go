package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

// probeTimeout bounds one look at a port.
const probeTimeout = 3 * time.Second

// spoken is what a port answers.
type spoken struct {
	dial  error // it cannot be reached
	tls   bool
	http1 bool // it answers HTTP/1, without TLS
	http2 bool // it speaks HTTP/2 alone, as gRPC's servers do
}

// identify finds out what a port speaks, by a request that servers answer by themselves.
func identify(ctx context.Context, address string) (s spoken) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	answer, err := exchange(ctx, address, "OPTIONS * HTTP/1.1\r\nHost: "+address+"\r\nConnection: close\r\n\r\n")
	if err != nil {
		return spoken{dial: err}
	}
	const settings = 4 // the type of the first frame of HTTP/2
	switch {
	case strings.HasPrefix(answer, "HTTP/1."):
		s.http1 = !strings.Contains(answer, "HTTPS server") && !strings.Contains(answer, "HTTPS port")
		s.tls = !s.http1
		return s
	case len(answer) >= 9 && answer[3] == settings:
		s.http2 = true
		return s
	}
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // nothing is sent: this asks only whether it is TLS
	if conn, err := d.DialContext(ctx, "tcp", address); err == nil {
		conn.Close()
		s.tls = true
	}
	return s
}

// exchange sends a text and returns the beginning of what comes back. The error is that of connecting.
func exchange(ctx context.Context, address, text string) (string, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline.Add(-probeTimeout / 2)) // and the rest of it to ask for TLS
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return "", nil // it was reached
	}
	const enough = 4 << 10
	answer, _ := io.ReadAll(io.LimitReader(conn, enough))
	return string(answer), nil
}

func (s spoken) String() string {
	switch {
	case s.dial != nil:
		return plainError(s.dial)
	case s.tls:
		return "TLS"
	case s.http2:
		return "gRPC without TLS"
	case s.http1:
		return "HTTP without TLS"
	}
	return "neither HTTP nor gRPC nor TLS"
}

// plainError is the reason of an error of the network, without what was dialled.
func plainError(err error) string {
	var dns *net.DNSError
	var sys *os.SyscallError
	var failed *url.Error
	switch {
	case errors.As(err, &dns):
		return dns.Error()
	case errors.As(err, &sys):
		return sys.Err.Error()
	case errors.As(err, &failed):
		text, _, _ := strings.Cut(failed.Err.Error(), ` "`) // what came, which is not text
		return text
	}
	return err.Error()
}

// unreachable makes a finding of an address that cannot be connected to.
func unreachable(check Check, what, address string, err error) Finding {
	f := Finding{Check: check, Result: Problem, Evidence: []string{address + ": " + plainError(err)}}
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		f.ID, f.Title = "dns", fmt.Sprintf("The name of %s cannot be resolved", what)
		f.Cause, f.Fix = "The host name is wrong, or DNS does not know it here; names of Compose and Kubernetes only hold within their networks.", "try `getent hosts "+hostOf(address)+"`"
	case errors.Is(err, syscall.ECONNREFUSED):
		f.ID, f.Title = "refused", fmt.Sprintf("Nothing listens at the address of %s", what)
		f.Cause = "The server does not run, listens on another port, or only on 127.0.0.1 of its own host; within a container, localhost is the container."
		f.Fix = "look whether it runs (`clew doctor --server URL`), and at its --listen.* settings; 0.0.0.0:PORT listens to other hosts"
	case errors.As(err, &timeout) && timeout.Timeout():
		f.ID, f.Title = "timeout", fmt.Sprintf("No answer from the address of %s", what)
		f.Cause, f.Fix = "A firewall or network policy drops packets, or the address belongs to no host.", "look at firewalls, security groups and network policies between here and there"
	default:
		f.ID, f.Title = "unreachable", fmt.Sprintf("The address of %s cannot be reached", what)
		f.Cause, f.Fix = "There is no route, or the network is down.", "look at routes and interfaces: `ip route get "+hostOf(address)+"`"
	}
	return f
}

func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
