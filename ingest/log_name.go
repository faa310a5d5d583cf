package ingest

import "strings"

// lineField is what a member of a line means.
type lineField int

const (
	traceField lineField = iota
	spanField
	flagsField
	timeField
	levelField
	bodyField
	serviceField
	numLineFields
)

// lineForm is how a value is to be read that is not written as most are.
type lineForm int

const (
	usualForm      lineForm = iota
	parentForm              // W3C's traceparent: trace, span and flags in one
	decimalForm             // ids of Datadog
	pathForm                // projects/P/traces/ID of Google
	xrayForm                // 1-TIME-REST of AWS
	sampledForm             // true or false
	pythonForm              // numbers of Python's levels
	severityNumber          // OTLP's
)

// lineName is what a name means.
type lineName struct {
	field lineField
	form  lineForm
	weak  bool // it counts if no other member has the field's meaning, as the name is used for other things too
}

// lineNames are the usual names, in lower case and without "_", "-", "." and "@". "otel…" are those of OpenTelemetry's
// logging for Python.
var lineNames = func() map[string]lineName {
	names := map[string]lineName{
		"traceparent": {traceField, parentForm, false},
		"ddtraceid":   {traceField, decimalForm, false}, "ddspanid": {spanField, decimalForm, false}, "ddservice": {serviceField, usualForm, false},
		"logginggoogleapiscom/trace": {traceField, pathForm, false}, "trace": {traceField, pathForm, false},
		"xraytraceid":                       {traceField, xrayForm, false},
		"logginggoogleapiscom/tracesampled": {flagsField, sampledForm, false}, "tracesampled": {flagsField, sampledForm, false},
		"oteltracesampled": {flagsField, sampledForm, false},
		"levelno":          {levelField, pythonForm, true}, "severitynumber": {levelField, severityNumber, true},
		"levelvalue": {levelField, usualForm, true}, "priority": {levelField, usualForm, true},
		"date": {timeField, usualForm, true}, "realtimetimestamp": {timeField, usualForm, true},
	}
	for field, list := range map[lineField]string{
		traceField:   "traceid oteltraceid",
		spanField:    "spanid otelspanid logginggoogleapiscom/spanid",
		flagsField:   "traceflags",
		timeField:    "time ts timestamp datetime asctime instant timemillis timetimestamp timeunixnano",
		levelField:   "level loglevel levelname severity severitytext",
		bodyField:    "msg message body",
		serviceField: "service servicename otelservicename servicecontextservice resourceservicename",
	} {
		for _, name := range strings.Fields(list) {
			names[name] = lineName{field: field}
		}
	}
	for _, name := range strings.Fields("event text shortmessage formattedmessage renderedmessage messagetemplate textpayload") {
		names[name] = lineName{field: bodyField, weak: true}
	}
	return names
}()

// compactNames are those of Serilog's compact form, which would be too short without their "@".
var compactNames = map[string]lineName{
	"@t": {field: timeField}, "@l": {field: levelField}, "@m": {field: bodyField}, "@mt": {field: bodyField, weak: true},
	"@tr": {field: traceField}, "@sp": {field: spanField},
}

// maxNameOfLine is longer than all names that mean something.
const maxNameOfLine = 48

// appendPlain appends a name as lineNames has it; nothing if it is too long for one.
func appendPlain[T string | []byte](dst []byte, name T) []byte {
	if len(name) > maxNameOfLine {
		return dst
	}
	for i := range len(name) {
		switch b := name[i]; {
		case b == '_' || b == '-' || b == '.' || b == '@':
		case b >= 'A' && b <= 'Z':
			dst = append(dst, b-'A'+'a')
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

// lineNameOf returns what a name means; short is the plain one.
func lineNameOf(name string, short []byte) (n lineName, ok bool) {
	if name != "" && name[0] == '@' {
		if n, ok = compactNames[name]; ok {
			return n, ok
		}
	}
	n, ok = lineNames[string(short)]
	return n, ok
}

// containers are objects that loggers put fields into, with what is looked for there by its own name: ids alone, or
// all. Names together with the container's are looked for in any: trace.id, log.level, service.name.
var containers = func() map[string]lineField {
	all := map[string]lineField{"record": numLineFields, "fields": numLineFields, "jsonpayload": numLineFields}
	for _, name := range strings.Fields(`trace span log service level time dd otel contextmap mdc context extra metadata namedtags properties
		attributes scopes resource servicecontext spancontext tracecontext tags`) {
		all[name] = flagsField + 1
	}
	return all
}()

// nodeLevels are the numbers of Node's loggers, by tens.
var nodeLevels = [...]string{1: "trace", 2: "debug", 3: "info", 4: "warn", 5: "error", 6: "fatal"}

// syslogLevels are the numbers of syslog, which GELF and journald have too.
var syslogLevels = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// levelOf names a level that is a number: syslog's, of Node's loggers, of Monolog or of Logback.
func levelOf(n int) string {
	switch {
	case n < 0:
		return ""
	case n < len(syslogLevels):
		return syslogLevels[n]
	case n >= 10 && n < 10*len(nodeLevels):
		return nodeLevels[n/10]
	case n == 250:
		return "notice"
	case n == 550:
		return "alert"
	case n >= 100 && n <= 600 && n%100 == 0:
		return [...]string{"debug", "info", "warning", "error", "critical", "emergency"}[n/100-1]
	case n == 5000:
		return "trace"
	case n >= 10_000 && n <= 40_000 && n%10_000 == 0:
		return [...]string{"debug", "info", "warn", "error"}[n/10_000-1]
	}
	return ""
}

// pythonLevel names a level of Python's logging.
func pythonLevel(n int) string {
	switch {
	case n <= 0:
		return ""
	case n < 10:
		return "trace"
	}
	return [...]string{"debug", "info", "warning", "error", "critical"}[min(n/10, 5)-1]
}

// severities are OTLP's numbers for words of loggers.
var severities = func() map[string]int32 {
	all := map[string]int32{}
	for n, words := range map[int32]string{
		1: "trace silly finest t trc", 5: "debug finer d dbg dbug", 6: "verbose fine", 7: "http config", 9: "info information informational i inf",
		10: "notice success", 13: "warn warning w wrn", 17: "error err severe e eror", 18: "critical crit alert c crt",
		21: "fatal emergency emerg panic dpanic f ftl",
	} {
		for _, word := range strings.Fields(words) {
			all[word] = n
		}
	}
	return all
}()
