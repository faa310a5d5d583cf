package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/clewhq/clew/config"
)

// listen binds the listeners that are on.
func listen(ctx context.Context, cfg config.Listen) (map[string]net.Listener, error) {
	var lc net.ListenConfig
	listeners := map[string]net.Listener{}
	for name, addr := range map[string]string{
		"otlp-grpc": cfg.OTLPGRPC,
		"otlp-http": cfg.OTLPHTTP,
		"http":      cfg.HTTP,
		"grpc":      cfg.GRPC,
		"tempo":     cfg.Tempo,
		"zipkin":    cfg.Zipkin,
	} {
		if addr == "" {
			continue
		}
		l, err := lc.Listen(ctx, "tcp", addr)
		if err != nil {
			closeAll(listeners)
			return nil, listenError(name, addr, err)
		}
		listeners[name] = l
	}
	if len(listeners) == 0 {
		return nil, errors.New("every listener is off; there is nothing to serve")
	}
	return listeners, nil
}

func listenError(name, addr string, err error) error {
	reason := err
	if errors.Is(err, syscall.EADDRINUSE) {
		reason = errors.New("another program uses this address")
	}
	return fmt.Errorf("listener %s cannot use %s: %w; give it another one with --listen.%s=ADDRESS, or disable it with --listen.%s=off",
		name, addr, reason, name, name)
}

func closeAll(listeners map[string]net.Listener) {
	for _, l := range listeners {
		l.Close()
	}
}
