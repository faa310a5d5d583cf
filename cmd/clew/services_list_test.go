package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/store"
)

func TestServicesGolden(t *testing.T) {
	earlier := zoneSpans()
	for i := range earlier {
		earlier[i].TraceID[0] = 2
		earlier[i].Start -= uint64(24 * time.Hour)
		earlier[i].End -= uint64(24*time.Hour) - 1e6
	}
	c := serveSpans(t, store.DefaultTenant, append(append(querySpans(), zoneSpans()...), earlier[:100]...)...)
	for name, test := range map[string]struct {
		service string
		o       servicesOptions
		out     screen
	}{
		"services.txt":         {o: servicesOptions{times: times{since: "3h"}}},
		"services_compare.txt": {o: servicesOptions{times: times{since: "2h"}, compare: "day"}, out: screen{color: true}},
		"services_one.txt":     {service: "shop", o: servicesOptions{times: times{since: "90m"}}},
	} {
		t.Run(name, func(t *testing.T) {
			var text, notes bytes.Buffer
			test.out.Writer, test.out.zone, test.out.width = &text, time.UTC, fallbackWidth
			test.o.client = c
			if err := test.o.run(t.Context(), test.service, queryAt, test.out, screen{Writer: &notes}); err != nil || notes.Len() > 0 {
				t.Errorf("%v, notes %q", err, &notes)
			}
			golden(t, name, text.String())
		})
	}
	var notes bytes.Buffer
	o := servicesOptions{client: c, times: times{since: "1m"}}
	if err := o.run(t.Context(), "", queryAt, screen{Writer: &notes}, screen{Writer: &notes}); err != nil || notes.String() != "no spans found in 1m; --since looks further back\n" {
		t.Errorf("%v, notes %q", err, &notes)
	}
	o.times.since = sinceAll
	if err := o.run(t.Context(), "", queryAt, screen{}, screen{}); err == nil || !strings.Contains(err.Error(), "a rate needs a range") {
		t.Errorf("--since all: %v", err)
	}
}
