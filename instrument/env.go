package clew

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// firstEnv returns the value of the first variable that is set to something,
// and the name of that variable.
func firstEnv(names ...string) (value, name string) {
	for _, name := range names {
		if v := strings.TrimSpace(os.Getenv(name)); v != "" {
			return v, name
		}
	}
	return "", ""
}

// unknown is the error of a variable with a value that means nothing.
func unknown(variable, value, known string) error {
	return fmt.Errorf("%s=%q is not known; it may be %s", variable, value, known)
}

// boolEnv is false unless the first variable that is set says true.
func boolEnv(names ...string) (bool, error) {
	switch v, name := firstEnv(names...); strings.ToLower(v) {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	default:
		return false, unknown(name, v, "true or false")
	}
}

// numberEnv returns unset for a variable that is not set, or not to a number of at least least.
func numberEnv(name string, least, unset int, known string) (int, error) {
	v, _ := firstEnv(name)
	if v == "" {
		return unset, nil
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < int64(least) {
		return unset, unknown(name, v, known)
	}
	return int(n), nil
}

// batching is how what waits in a queue is sent.
type batching struct {
	queue, batch   int
	delay, timeout time.Duration
}

// maxQueue bounds queues, which take memory from the start.
const maxQueue = 1 << 20

// batchingFromEnv reads OTEL_BSP_* or OTEL_BLRP_*. The SDK would take negative
// and huge sizes, and panic, and never rest with a delay of 0.
func batchingFromEnv(prefix string, delay time.Duration) (batching, []error) {
	var errs []error
	number := func(name string, least, unset int, known string) int {
		n, err := numberEnv(prefix+name, least, unset, known)
		if err != nil {
			errs = append(errs, err)
		}
		return n
	}
	millis := func(name string, unset time.Duration) int {
		return number(name, 0, int(unset.Milliseconds()), "a number of milliseconds")
	}
	var b batching
	b.queue = min(number("MAX_QUEUE_SIZE", 1, 2048, "a number above 0"), maxQueue)
	b.batch = min(number("MAX_EXPORT_BATCH_SIZE", 1, 512, "a number above 0"), b.queue)
	b.delay = time.Duration(max(millis("SCHEDULE_DELAY", delay), 1)) * time.Millisecond
	b.timeout = time.Duration(cmp.Or(millis("EXPORT_TIMEOUT", 30*time.Second), math.MaxInt32)) * time.Millisecond // 0 is no limit
	return b, errs
}

// checkLimits names what the SDK does not take as a limit. A negative number is none.
func checkLimits(names ...string) (errs []error) {
	for _, name := range names {
		if _, err := numberEnv(name, math.MinInt32, 0, "a number"); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

var (
	spanLimits = []string{
		"OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
		"OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
	}
	logLimits = []string{"OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT"}
)

// checkExporter names what the exporters of a signal do not understand and leave out.
func (s *signal) checkExporter() (errs []error) {
	if _, name := s.env("TIMEOUT"); name != "" {
		if _, err := numberEnv(name, 0, 0, "a number of milliseconds"); err != nil {
			errs = append(errs, err)
		}
	}
	switch v, name := s.env("COMPRESSION"); v {
	case "", "gzip", "none":
	default:
		errs = append(errs, unknown(name, v, "gzip or none"))
	}
	if v, name := s.env("HEADERS"); v != "" {
		errs = append(errs, checkHeaders(name, v)...)
	}
	if v, name := s.env("CERTIFICATE"); v != "" {
		if text, err := os.ReadFile(v); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		} else if !x509.NewCertPool().AppendCertsFromPEM(text) {
			errs = append(errs, fmt.Errorf("%s: %s has no certificate in PEM", name, v))
		}
	}
	cert, certName := s.env("CLIENT_CERTIFICATE")
	key, keyName := s.env("CLIENT_KEY")
	if cert == "" && key == "" {
		return errs
	}
	if cert == "" || key == "" {
		return append(errs, fmt.Errorf("%s%s is set alone; a client's certificate and its key go together", certName, keyName))
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		errs = append(errs, fmt.Errorf("%s and %s: %w", certName, keyName, err))
	}
	return errs
}

// checkHeaders names the headers that are left out. Their values may be secret.
func checkHeaders(variable, list string) (errs []error) {
	for i, header := range strings.Split(list, ",") {
		name, value, ok := strings.Cut(header, "=")
		name = strings.TrimSpace(name)
		switch _, err := url.PathUnescape(value); {
		case !ok || !httpguts.ValidHeaderFieldName(name):
			errs = append(errs, fmt.Errorf("%s: entry %d is no NAME=VALUE of a header; in values %%2C is a comma", variable, i+1))
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: the value of %s is not percent-encoded as it should be; %%25 is a percent sign", variable, name))
		}
	}
	return errs
}
