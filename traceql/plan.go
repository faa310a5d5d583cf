package traceql

import (
	"github.com/clewhq/clew/store"
)

// planner collects, while a query is compiled, what the store has to be asked for. What it hands out
// (pipelines, columns) is evaluated on an env of the same planner.
type planner struct {
	needs   []store.Predicate
	where   []store.Predicate
	columns []store.Field
	// traces is set if something needs all spans of a trace together.
	traces bool

	pipelines int // compiled so far
	slots     []slot
	slotOf    map[Attribute]int // by attribute, without its place in the text
	truths    int               // conditions used as values
	groups    int               // stages that group
}

// slot is an attribute whose column is asked for.
type slot struct {
	attr Attribute
	own  int // of a parent's attribute: the slot of the span's own
}

// chunkQuery returns what the store is asked for.
func (p *planner) chunkQuery(r store.TimeRange) *store.Query {
	return &store.Query{Range: r, Needs: p.needs, Where: p.where, Columns: p.columns, EachSpan: !p.traces}
}

// filter compiles a filter on its own, as compare() has one.
func (p *planner) filter(f *Filter) (*filter, error) {
	c, err := p.filterCondition(f)
	if err != nil {
		return nil, err
	}
	return &filter{p.node(c)}, nil
}

// pipeline compiles a pipeline. Its needs become the store's if it is the only one of the query.
func (p *planner) pipeline(q *Pipeline) (*pipeline, error) {
	pl, needs, err := p.stages(q)
	if err != nil {
		return nil, err
	}
	if p.pipelines++; p.pipelines == 1 {
		p.needs = needs
	} else {
		p.needs = eitherNeeds(p.needs, needs)
	}
	return pl, nil
}

// attribute registers an attribute whose column will be asked for.
func (p *planner) attribute(a *Attribute) { p.slot(a) }

// slot returns the place of an attribute's column.
func (p *planner) slot(a *Attribute) int {
	key := *a
	key.Pos = 0
	if i, ok := p.slotOf[key]; ok {
		return i
	}
	s := slot{attr: key}
	switch {
	case key.Parent:
		own := key
		own.Parent = false
		s.own = p.slot(&own)
		p.structural()
	case key.Scope != store.IntrinsicScope:
		p.field(store.Attr(key.Scope, key.Name))
	default:
		p.intrinsicColumns(key.Intrinsic)
	}
	if p.slotOf == nil {
		p.slotOf = map[Attribute]int{}
	}
	i := len(p.slots)
	p.slots = append(p.slots, s)
	p.slotOf[key] = i
	return i
}

// intrinsicColumns asks for what the column of an intrinsic is made of.
func (p *planner) intrinsicColumns(i Intrinsic) {
	switch i {
	case TraceRootName:
		p.field(store.Of(store.Name))
	case TraceRootService:
		p.field(serviceName)
	case TraceDuration:
	default:
		if f := intrinsicFields[i].field; f != store.NoIntrinsic {
			p.field(store.Of(f))
			return
		}
		p.structural()
	}
	p.traces = true
}

// structural asks for what tells how the spans of a trace hang together.
func (p *planner) structural() {
	p.traces = true
	p.field(store.Of(store.Kind))
}

// field asks the store for a column.
func (p *planner) field(f store.Field) {
	for _, have := range p.columns {
		if have == f {
			return
		}
	}
	p.columns = append(p.columns, f)
}

// serviceName is the one attribute that every span has: a resource without it has "".
var serviceName = store.Attr(store.ResourceScope, "service.name")

func isServiceName(a *Attribute) bool {
	return a.Scope == store.ResourceScope && a.Name == serviceName.Key
}

// intrinsicFields has for each intrinsic the store's, and the type of its values: TypeBytes for ids, which
// the language knows as their hex digits. What the store does not have is computed (see env).
var intrinsicFields = [numIntrinsics]struct {
	field store.Intrinsic
	typ   Type
}{
	SpanDuration:        {store.Duration, TypeDuration},
	SpanName:            {store.Name, TypeString},
	SpanStatus:          {store.Status, TypeStatus},
	SpanStatusMessage:   {store.StatusMessage, TypeString},
	SpanKind:            {store.Kind, TypeKind},
	SpanID:              {store.SpanID, TypeBytes},
	SpanParentID:        {store.ParentID, TypeBytes},
	SpanStart:           {store.Start, TypeInt},
	SpanTraceState:      {store.TraceState, TypeString},
	TraceID:             {store.TraceID, TypeBytes},
	EventName:           {store.EventName, TypeString},
	EventTimeSinceStart: {store.EventTime, TypeDuration},
	LinkTraceID:         {store.LinkTraceID, TypeBytes},
	LinkSpanID:          {store.LinkSpanID, TypeBytes},
	ScopeName:           {store.ScopeName, TypeString},
	ScopeVersion:        {store.ScopeVersion, TypeString},
}
