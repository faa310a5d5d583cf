// Package selfobs is how Clew observes itself: its logs, metrics and traces.
package selfobs

import (
	"io"
	"log/slog"
)

// NewLogger returns a logger that writes to w. The level is one of slog's
// names in any case; the format is "json" or, with anything else, text.
func NewLogger(w io.Writer, level, format string) *slog.Logger {
	var opts slog.HandlerOptions
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err == nil {
		opts.Level = l
	}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, &opts))
	}
	return slog.New(slog.NewTextHandler(w, &opts))
}
