package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/clewhq/clew/config"
)

// sockets are the listeners that are on, by name.
type sockets struct {
	streams map[string]net.Listener
	packets map[string]net.PacketConn
}

// listen binds the listeners that are on.
func listen(ctx context.Context, cfg config.Listen) (sockets, error) {
	var lc net.ListenConfig
	s := sockets{map[string]net.Listener{}, map[string]net.PacketConn{}}
	for name, addr := range map[string]string{
		"otlp-grpc":          cfg.OTLPGRPC,
		"otlp-http":          cfg.OTLPHTTP,
		"http":               cfg.HTTP,
		"grpc":               cfg.GRPC,
		"tempo":              cfg.Tempo,
		"zipkin":             cfg.Zipkin,
		"jaeger-thrift-http": cfg.JaegerThriftHTTP,
		"jaeger-grpc":        cfg.JaegerGRPC,
		"jaeger-compact":     cfg.JaegerCompact,
		"jaeger-binary":      cfg.JaegerBinary,
		"sampling-http":      cfg.SamplingHTTP,
		"sampling-grpc":      cfg.SamplingGRPC,
	} {
		if addr == "" {
			continue
		}
		var err error
		if config.UDP(name) {
			s.packets[name], err = lc.ListenPacket(ctx, "udp", addr)
		} else {
			s.streams[name], err = lc.Listen(ctx, "tcp", addr)
		}
		if err != nil {
			s.close()
			return sockets{}, listenError(name, addr, err)
		}
	}
	if len(s.streams)+len(s.packets) == 0 {
		return sockets{}, errors.New("every listener is off; there is nothing to serve")
	}
	return s, nil
}

// addresses returns where each listener is, by name.
func (s sockets) addresses() map[string]string {
	addrs := map[string]string{}
	for name, l := range s.streams {
		addrs[name] = l.Addr().String()
	}
	for name, c := range s.packets {
		addrs[name] = c.LocalAddr().String()
	}
	return addrs
}

func (s sockets) close() {
	for _, l := range s.streams {
		if l != nil {
			l.Close()
		}
	}
	for _, c := range s.packets {
		if c != nil {
			c.Close()
		}
	}
}

func listenError(name, addr string, err error) error {
	reason := err
	if errors.Is(err, syscall.EADDRINUSE) {
		reason = errors.New("another program uses this address")
	}
	return fmt.Errorf("listener %s cannot use %s: %w; give it another one with --listen.%s=ADDRESS, or disable it with --listen.%s=off",
		name, addr, reason, name, name)
}
