package main

import (
	"testing"

	"github.com/spf13/cobra"
)

func TestCount(t *testing.T) {
	for text, want := range map[string]count{"0": 0, "7": 7, "12k": 12_000, "100M": 100_000_000, "1G": 1_000_000_000} {
		var c count
		if err := c.Set(text); err != nil || c != want {
			t.Errorf("%q is %d, %v", text, c, err)
		}
	}
	for _, text := range []string{"", "k", "-1", "1.5M", "1kM", "1m", "99999999999G", "18446744073709551616"} {
		var c count
		if err := c.Set(text); err == nil {
			t.Errorf("%q is taken as %d", text, c)
		}
	}
}

func TestSampleSize(t *testing.T) {
	for _, test := range []struct {
		text  string
		spans uint64
		want  uint64
		skip  bool
	}{
		{"auto", 1_000_000, 0, false}, {"auto", 1_000_001, verifySample, false}, {"all", 1e9, 0, false},
		{"none", 5, 0, true}, {"7", 5, 7, false}, {"2k", 5, 2000, false},
	} {
		var s sampleSize
		if err := s.Set(test.text); err != nil {
			t.Fatal(err)
		}
		if n, skip := s.of(test.spans); n != test.want || skip != test.skip || s.String() == "" {
			t.Errorf("%s of %d spans is %d, %v", test.text, test.spans, n, skip)
		}
	}
	if n, skip := new(sampleSize).of(5); n != 0 || skip {
		t.Errorf("the zero value verifies %d, %v; want all", n, skip)
	}
	for _, text := range []string{"0", "some", ""} {
		if err := new(sampleSize).Set(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string // error; "": none
	}{
		{nil, ""},
		{[]string{"--rate=100", "--duration=90s"}, ""},
		{[]string{"--duration=90s"}, "--duration needs --rate"},
		{[]string{"--spans=0"}, "--spans"},
		{[]string{"--rate=-1"}, "--rate"},
		{[]string{"--data-rate=-1"}, "--data-rate"},
		{[]string{"--connections=0"}, "--connections"},
		{[]string{"--in-flight=0"}, "--in-flight"},
		{[]string{"--spans-per-request=0"}, "--spans-per-request"},
	} {
		var o options
		cmd := &cobra.Command{}
		o.dataFlags(cmd)
		o.loadFlags(cmd)
		if err := cmd.ParseFlags(test.args); err != nil {
			t.Fatal(err)
		}
		err := o.check()
		if test.want != "" {
			contains(t, err, test.want)
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", test.args, err)
		}
		if len(test.args) == 2 && (o.data.Spans != 9000 || o.data.SpansPerSecond != 100) {
			t.Errorf("%v: %+v", test.args, o.data)
		}
	}
}

func TestTraceReaderOfOptions(t *testing.T) {
	for _, test := range []struct {
		o    options
		want string // prefix of requests, or the error
	}{
		{options{bases: map[string]string{"tempo": "http://t/"}}, "http://t/api/v2/traces/"},
		{options{bases: map[string]string{"tempo": "http://t", "jaeger": "http://j"}}, "http://t/api/v2/traces/"},
		{options{bases: map[string]string{"tempo": "http://t"}, lookup: "tempo-v1"}, "http://t/api/traces/"},
		{options{bases: map[string]string{"jaeger": "http://j"}}, "http://j/api/traces/"},
		{options{bases: map[string]string{"jaeger": "http://j", "tempo": "http://t"}, lookup: "jaeger"}, "http://j/api/traces/"},
		{options{}, "no API to read from"},
		{options{bases: map[string]string{"jaeger": "http://j"}, lookup: "tempo"}, "no API to read from"},
		{options{bases: map[string]string{"tempo": "http://t"}, lookup: "zipkin"}, `unknown API "zipkin"`},
	} {
		r, err := test.o.traceReader(1)
		if err != nil {
			contains(t, err, test.want)
		} else if r.prefix != test.want {
			t.Errorf("%+v: reads %s, want %s", test.o, r.prefix, test.want)
		}
	}
}
