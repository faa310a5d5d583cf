package traceql

import "github.com/clewhq/clew/store"

// Static types of what is known only when the query runs.
const (
	anyType    Type = 0xff
	numberType Type = 0xfe // if it is there: an int, a float or a duration
)

// intrinsicTable has the names and types of the intrinsics; some have only one of the names.
var intrinsicTable = [numIntrinsics]struct {
	scoped, bare string
	typ          Type
}{
	SpanDuration:        {"span:duration", "duration", TypeDuration},
	SpanName:            {"span:name", "name", TypeString},
	SpanStatus:          {"span:status", "status", TypeStatus},
	SpanStatusMessage:   {"span:statusMessage", "statusMessage", TypeString},
	SpanKind:            {"span:kind", "kind", TypeKind},
	SpanID:              {"span:id", "", TypeString},
	SpanParentID:        {"span:parentID", "", TypeString},
	SpanChildCount:      {"span:childCount", "", TypeInt},
	SpanStart:           {"span:start", "", TypeInt},
	SpanTraceState:      {"span:traceState", "", TypeString},
	NestedSetLeft:       {"", "nestedSetLeft", TypeInt},
	NestedSetRight:      {"", "nestedSetRight", TypeInt},
	NestedSetParent:     {"", "nestedSetParent", TypeInt},
	TraceDuration:       {"trace:duration", "traceDuration", TypeDuration},
	TraceRootName:       {"trace:rootName", "rootName", TypeString},
	TraceRootService:    {"trace:rootService", "rootServiceName", TypeString},
	TraceID:             {"trace:id", "", TypeString},
	EventName:           {"event:name", "", TypeString},
	EventTimeSinceStart: {"event:timeSinceStart", "", TypeDuration},
	LinkTraceID:         {"link:traceID", "", TypeString},
	LinkSpanID:          {"link:spanID", "", TypeString},
	ScopeName:           {"instrumentation:name", "", anyType},
	ScopeVersion:        {"instrumentation:version", "", anyType},
}

// intrinsicsByName has every name of every intrinsic.
var intrinsicsByName = func() map[string]Intrinsic {
	m := map[string]Intrinsic{}
	for i, row := range intrinsicTable {
		for _, name := range []string{row.scoped, row.bare} {
			if name != "" {
				m[name] = Intrinsic(i)
			}
		}
	}
	return m
}()

// String returns the name by which answers call the intrinsic: the bare one if there is one.
func (i Intrinsic) String() string {
	if i >= numIntrinsics {
		return "invalid"
	}
	if row := intrinsicTable[i]; row.bare == "" {
		return row.scoped
	} else {
		return row.bare
	}
}

// Type returns the type of the intrinsic's values; those of instrumentation:name and
// instrumentation:version are strings, but may be compared with anything.
func (i Intrinsic) Type() Type {
	if i == ScopeName || i == ScopeVersion {
		return TypeString
	}
	if i >= numIntrinsics {
		return TypeNil
	}
	return intrinsicTable[i].typ
}

func intrinsic(i Intrinsic, pos Pos) *Attribute {
	return &Attribute{Scope: store.IntrinsicScope, Intrinsic: i, Pos: pos}
}

// literals has the words that are values.
var literals = map[string]Static{
	"true": BoolStatic(true), "false": BoolStatic(false), "nil": {},
	"minInt": IntStatic(-1 << 63), "maxInt": IntStatic(1<<63 - 1),
	"unset": StatusStatic(0), "ok": StatusStatic(1), "error": StatusStatic(2),
	"unspecified": KindStatic(0), "internal": KindStatic(1), "server": KindStatic(2),
	"client": KindStatic(3), "producer": KindStatic(4), "consumer": KindStatic(5),
}

var (
	statusNames = []string{"unset", "ok", "error"}
	kindNames   = []string{"unspecified", "internal", "server", "client", "producer", "consumer"}
)
