package store

import (
	"fmt"
	"strings"

	"github.com/clewhq/clew/span"
)

// Scope says where a Field is looked for.
type Scope uint8

const (
	// AnyScope looks in span, resource, event, link and instrumentation scope,
	// in this order; the first of them that has the key decides.
	AnyScope Scope = iota
	SpanScope
	ResourceScope
	InstrumentationScope
	EventScope
	LinkScope
	// Intrinsic fields are named by Field.Intrinsic instead of Field.Key.
	IntrinsicScope
)

var scopeNames = []string{"", "span", "resource", "instrumentation", "event", "link", "intrinsic"}

func (s Scope) String() string {
	if int(s) < len(scopeNames) {
		return scopeNames[s]
	}
	return "invalid"
}

// Intrinsic is a field that every span has, not an attribute. Times and
// durations become Int by two's complement: a time after April 2262 is negative.
type Intrinsic uint8

const (
	NoIntrinsic   Intrinsic = iota
	Duration                // Int, nanoseconds, negative if the end lies before the start
	Name                    // String
	Kind                    // Int, OTLP's SpanKind
	Status                  // Int, OTLP's StatusCode
	StatusMessage           // String
	Start                   // Int, unix nanoseconds
	End                     // Int, unix nanoseconds
	TraceID                 // Bytes, 16
	SpanID                  // Bytes, 8
	ParentID                // Bytes, 8; missing on a span without a parent
	TraceState              // String
	Flags                   // Int
	ScopeName               // String
	ScopeVersion            // String
	EventName               // String, for each event
	EventTime               // Int, nanoseconds since the start of the span, for each event
	LinkTraceID             // Bytes, 16, for each link
	LinkSpanID              // Bytes, 8, for each link
	numIntrinsics
)

var intrinsicNames = [numIntrinsics]string{
	"", "duration", "name", "kind", "status", "statusMessage", "start", "end", "trace:id", "span:id",
	"span:parentID", "traceState", "flags", "instrumentation:name", "instrumentation:version",
	"event:name", "event:timeSinceStart", "link:traceID", "link:spanID",
}

func (i Intrinsic) String() string {
	if i < numIntrinsics {
		return intrinsicNames[i]
	}
	return "invalid"
}

// Field names something of a span that can be compared or returned.
type Field struct {
	Scope     Scope
	Key       string    // the attribute's key
	Intrinsic Intrinsic // set if Scope is IntrinsicScope
}

// Attr returns the field for an attribute.
func Attr(scope Scope, key string) Field { return Field{Scope: scope, Key: key} }

// Of returns the field for an intrinsic.
func Of(i Intrinsic) Field { return Field{Scope: IntrinsicScope, Intrinsic: i} }

// OfEvent reports whether the field has one value for each event.
func (f Field) OfEvent() bool {
	return f.Scope == EventScope || f.Intrinsic == EventName || f.Intrinsic == EventTime
}

// OfLink reports whether the field has one value for each link.
func (f Field) OfLink() bool {
	return f.Scope == LinkScope || f.Intrinsic == LinkTraceID || f.Intrinsic == LinkSpanID
}

// OfID reports whether the field is an id.
func (f Field) OfID() bool {
	switch f.Intrinsic {
	case TraceID, SpanID, ParentID, LinkTraceID, LinkSpanID:
		return true
	}
	return false
}

func (f Field) String() string {
	if f.Scope == IntrinsicScope {
		return f.Intrinsic.String()
	}
	return f.Scope.String() + "." + f.Key
}

// Predicate is a condition on one span. Its forms are And, Or, Not, Compare,
// Matches, Exists, AnyEvent and AnyLink. nil is always true.
//
// A field may have several values on one span (events, links, a repeated key,
// the elements of an array). Compare and Matches hold if any value satisfies
// them; for an array see Op.
type Predicate interface {
	fmt.Stringer
	predicate()
}

type (
	// And holds if all hold; empty, it is true.
	And []Predicate
	// Or holds if one holds; empty, it is false.
	Or []Predicate
	// Not holds if P does not. It is the only form that can hold because a field is missing.
	Not struct{ P Predicate }
	// Compare holds if the field has a value of a type comparable with Value
	// for which "field Op Value" is true.
	Compare struct {
		Field Field
		Op    Op
		Value span.Value
	}
	// Matches holds if the field has a String that matches, or an Array of Strings of which
	// one does; with Not, a String that does not match, or an Array of which none does.
	// An id counts as the String of its lower-case hex digits.
	Matches struct {
		Field Field
		Regex *Regex
		Not   bool
	}
	// Exists holds if the field has a value of any type, empty values included.
	Exists struct{ Field Field }
	// AnyEvent holds if one and the same event satisfies P: P is judged as if
	// the span had that event only. AnyScope then looks in no other event.
	AnyEvent struct{ P Predicate }
	// AnyLink is AnyEvent for links.
	AnyLink struct{ P Predicate }
)

func (And) predicate()      {}
func (Or) predicate()       {}
func (Not) predicate()      {}
func (Compare) predicate()  {}
func (Matches) predicate()  {}
func (Exists) predicate()   {}
func (AnyEvent) predicate() {}
func (AnyLink) predicate()  {}

// Op is a comparison.
//
// Int and Float compare with each other by their exact numeric value; NaN
// compares false with everything, != included. String compares bytewise with
// String, Bytes with Bytes. Bool compares with Bool by = and != only. All other
// pairs of types compare false, != included.
//
// An Array of elements of one type, String, Bool, Int or Float, satisfies != if
// all of its elements do (an empty one always) and another operator if one of
// them does. Any other Array compares false.
type Op uint8

const (
	Equal Op = iota
	NotEqual
	Less
	LessEqual
	Greater
	GreaterEqual
)

var opNames = []string{"=", "!=", "<", "<=", ">", ">="}

func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return "invalid"
}

func (p And) String() string     { return join([]Predicate(p), " && ", "true") }
func (p Or) String() string      { return join([]Predicate(p), " || ", "false") }
func (p Not) String() string     { return "!" + group(p.P) }
func (p Compare) String() string { return fmt.Sprintf("%s %s %s", p.Field, p.Op, literal(p.Value)) }
func (p Matches) String() string {
	op := "=~"
	if p.Not {
		op = "!~"
	}
	return fmt.Sprintf("%s %s %q", p.Field, op, p.Regex.Expr)
}
func (p Exists) String() string   { return p.Field.String() + " != nil" }
func (p AnyEvent) String() string { return "event" + group(p.P) }
func (p AnyLink) String() string  { return "link" + group(p.P) }

func group(p Predicate) string {
	if p == nil {
		return "(true)"
	}
	return "(" + p.String() + ")"
}

func join(list []Predicate, sep, empty string) string {
	if len(list) == 0 {
		return empty
	}
	parts := make([]string, len(list))
	for i, p := range list {
		parts[i] = group(p)
	}
	return strings.Join(parts, sep)
}

func literal(v span.Value) string {
	switch v.Type {
	case span.Int:
		return fmt.Sprint(v.Int())
	case span.Float:
		s := fmt.Sprint(v.Float())
		if !strings.ContainsAny(s, ".eIN") {
			s += ".0" // not to be taken for an Int
		}
		return s
	case span.Bool:
		return fmt.Sprint(v.Bool())
	case span.Bytes:
		return fmt.Sprintf("0x%x", v.Str)
	case span.String:
		return fmt.Sprintf("%q", v.Str)
	}
	return fmt.Sprintf("%s(%q)", v.Type, v.Str)
}
