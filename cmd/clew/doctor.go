package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/clewhq/clew/doctor"
	"github.com/clewhq/clew/traceql"
)

type doctorOptions struct {
	client
	since     string
	endpoint  string
	protocol  string
	pid       int
	envFile   string
	noSend    bool
	checklist bool
	json      bool
}

func newDoctorCmd() *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out why traces do not arrive, break or stay hidden",
		Long: `Find out why traces do not arrive, break or stay hidden. It runs the checks that
a person would:

  environment  what the variables OTEL_* and JAEGER_* here mean to an SDK
  endpoints    whether the endpoint of the SDK and the server's ports are
               reachable from here, and speak what is sent to them
  round-trip   whether test spans, sent by every protocol and to the topics of
               Kafka that the server reads, are found again; they are of the
               service clew-doctor
  clock        whether the clocks here, at the server and of services agree
  receiving    what the server refused, and why
  sampling     what SDKs are told, and what share of requests leaves a trace
  storage      whether the disk is full or damaged
  services     who stopped sending, who is new
  propagation  which calls break their trace
  quality      the Instrumentation Score of what services send

Run it where the application runs. Each finding has its evidence, cause and fix.
It ends with 1 if there is a problem. Values of headers are never shown.`,
		Example: `  clew doctor
  clew doctor --pid 4711                                  # with the environment of a process
  clew doctor --endpoint http://collector:4318            # as an SDK would with this OTEL_EXPORTER_OTLP_ENDPOINT
  clew doctor --server http://clew.example:16686 --checklist`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), os.Environ(), newScreen(cmd.OutOrStdout()))
		},
	}
	o.addFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "1h", "how far to look back in what is stored, such as 90m or 7d")
	f.StringVar(&o.endpoint, "endpoint", "", "look at this `URL` as if OTEL_EXPORTER_OTLP_ENDPOINT named it")
	f.StringVar(&o.protocol, "protocol", "", "look at the endpoint as if OTEL_EXPORTER_OTLP_PROTOCOL were this: grpc, http/protobuf or http/json")
	f.IntVar(&o.pid, "pid", 0, "look at the environment of this process instead of the own one")
	f.StringVar(&o.envFile, "env-file", "", "look at the variables of this `FILE` instead, lines as NAME=VALUE")
	f.BoolVar(&o.noSend, "no-send", false, "send no test spans")
	f.BoolVar(&o.checklist, "checklist", false, "answer only whether tracing is set up, question by question")
	f.BoolVar(&o.json, "json", false, "print the findings as JSON")
	takesOneOf(cmd, "pid", "env-file")
	return cmd
}

// variables returns the environment to look at.
func (o *doctorOptions) variables(own []string) (doctor.Variables, error) {
	env := doctor.ParseVariables(own)
	switch {
	case o.pid != 0:
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", o.pid))
		if errors.Is(err, os.ErrPermission) {
			return nil, fmt.Errorf("the environment of process %d may not be read; run it as the same user, or as root: %w", o.pid, err)
		} else if err != nil {
			return nil, fmt.Errorf("the environment of process %d cannot be read: %w", o.pid, err)
		}
		env = doctor.ParseVariables(strings.Split(string(text), "\x00"))
	case o.envFile != "":
		text, err := os.ReadFile(o.envFile)
		if err != nil {
			return nil, err
		}
		env = doctor.ParseEnvFile(string(text))
	}
	if o.endpoint != "" {
		env["OTEL_EXPORTER_OTLP_ENDPOINT"] = o.endpoint
		delete(env, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	}
	if o.protocol != "" {
		env["OTEL_EXPORTER_OTLP_PROTOCOL"] = o.protocol
		delete(env, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
	}
	return env, nil
}

// run looks at everything and answers on out.
func (o *doctorOptions) run(ctx context.Context, environ []string, out screen) error {
	since, err := traceql.ParseDuration(o.since)
	if err != nil || since <= 0 {
		return fmt.Errorf("--since %q: expected how long ago, such as 90m, 36h or 7d", o.since)
	}
	env, err := o.variables(environ)
	if err != nil {
		return err
	}
	server, err := o.base()
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "this host"
	}
	ask := func(ctx context.Context, path string, query url.Values, result any) error {
		return o.ask(ctx, "/api/clew/v1/"+path, query, result, screen{})
	}
	report := doctor.Diagnose(ctx, &doctor.Patient{
		Env: env, Ask: ask, Server: server, Tenant: o.tenant, Host: host, Since: since, Send: !o.noSend && !o.checklist, Now: time.Now,
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	switch {
	case o.json:
		err = out.printJSON(report)
	case o.checklist:
		drawChecklist(out, report)
	default:
		drawReport(out, report)
	}
	if err != nil || report.Result != doctor.Problem {
		return err
	}
	return errors.New("there are problems")
}

// drawReport writes the findings check by check, those that are wrong with cause and fix.
func drawReport(out screen, report *doctor.Report) {
	counts := map[doctor.Result]int{}
	for _, check := range doctor.Checks {
		titled := false
		for i := range report.Findings {
			f := &report.Findings[i]
			if f.Check != check {
				continue
			}
			if !titled {
				fmt.Fprintln(out, check)
				titled = true
			}
			counts[f.Result]++
			drawFinding(out, f)
		}
	}
	for _, gap := range report.Gaps {
		fmt.Fprintln(out, "not looked at: "+printable(gap))
	}
	fmt.Fprintf(out, "\n%s, %s, %d ok, %d skipped\n", counted(counts[doctor.Problem], "problem"), counted(counts[doctor.Warning], "warning"), counts[doctor.OK], counts[doctor.Skipped])
}

func drawChecklist(out screen, report *doctor.Report) {
	if len(report.Checklist) == 0 {
		drawReport(out, report) // the server does not answer
		return
	}
	for i := range report.Checklist {
		drawFinding(out, &report.Checklist[i])
	}
}

// drawFinding writes a finding. The columns of the result are followed by what is said.
func drawFinding(out screen, f *doctor.Finding) {
	const indent = 11
	result := fmt.Sprintf("  %-9s", f.Result)
	if f.Result == doctor.Problem {
		result = out.red(result)
	}
	paint := func(text string) string { return text }
	if f.Result == doctor.OK || f.Result == doctor.Skipped {
		paint = out.dim
	}
	rest := strings.Repeat(" ", indent)
	say := func(first, text string, paint func(string) string) {
		for _, line := range wrapped(printable(text), out.width-indent-2) {
			fmt.Fprintln(out, first+paint(line))
			first = rest + "  "
		}
	}
	say(result, f.Title, func(text string) string { return text })
	for _, line := range f.Evidence {
		say(rest, "- "+line, paint)
	}
	if f.Result == doctor.OK || f.Result == doctor.Skipped {
		return
	}
	if f.Cause != "" {
		say(rest, "cause: "+f.Cause, paint)
	}
	if f.Fix != "" {
		say(rest, "fix: "+f.Fix, paint)
	}
	for i, id := range f.Traces {
		if i == 2 {
			break
		}
		say(rest, "see: clew trace "+id, paint)
	}
}

// wrapped breaks a text into lines of a width, between words.
func wrapped(text string, width int) (lines []string) {
	width = max(width, 20)
	line, used := "", 0
	for word := range strings.SplitSeq(text, " ") {
		n := runewidth.StringWidth(word)
		if used > 0 && used+1+n > width {
			lines = append(lines, line)
			line, used = "", 0
		}
		if used > 0 {
			line, used = line+" ", used+1
		}
		line, used = line+word, used+n
	}
	return append(lines, line)
}
