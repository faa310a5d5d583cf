package analyze

import (
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

func resourceField(key string) store.Field { return store.Attr(store.ResourceScope, key) }

// Places of labels in qualityCounter.texts.
const (
	instanceText = iota
	versionText
	environmentText
	languageText
	podUIDText
	podNameText
	hostIDText
	hostNameText
	numTexts
)

var textFields = [numTexts]store.Field{
	instanceText: resourceField("service.instance.id"), versionText: resourceField("service.version"),
	environmentText: resourceField("deployment.environment.name"), languageText: resourceField("telemetry.sdk.language"),
	podUIDText: resourceField("k8s.pod.uid"), podNameText: resourceField("k8s.pod.name"),
	hostIDText: resourceField("host.id"), hostNameText: resourceField("host.name"),
}

// identityTexts tell where an instance runs, what tells most first.
var identityTexts = [...]int{podUIDText, podNameText, hostIDText, hostNameText}

var (
	messageField = store.Of(store.StatusMessage)
	eventField   = store.Of(store.EventName)

	qualityFields = append([]store.Field{
		nameField, kindField, statusField, durationField, serviceField, traceStateField, linkTrace, messageField, eventField,
		store.Of(store.ScopeName), store.Of(store.ScopeVersion),
	}, textFields[:]...)
)

// population is something that rules are about.
type population uint8

const (
	ofSpans population = iota
	ofTraces
	ofParented
	ofRoots
	ofFailed
	ofExcepted
	ofCalled
	numPopulations
)

// populations of rules; of all others it is ofSpans. That of calls is told by calls.
var populations = [numRules]population{
	ruleInternalSpans: ofTraces, ruleShortSpans: ofTraces, ruleManySpans: ofTraces, ruleOrphans: ofParented,
	ruleClientRoots: ofRoots, ruleSilentErrors: ofFailed, ruleExceptions: ofExcepted, ruleClocks: ofCalled,
}

// serviceTotals is what a worker knows of a service.
type serviceTotals struct {
	seen   uint64
	of     [numPopulations]float64
	broken [numRules]struct {
		seen   uint64
		weight float64
	}
	languages map[uint32]uint64
	kinded    bool // some span is of a client, server, producer or consumer
	// answered and continued count calls by protocol: those that it makes and that stay in the trace, and those that it takes.
	answered, continued, called [numProtocols]float64

	// Of the trace that was looked at last.
	trace                  uint64 // its number
	spans, internal, short int
	first                  int32
}

// caseKey is what is counted together.
type caseKey struct {
	rule          ruleID
	service, what uint32 // what is a number of cases
}

// instanceKey is a service.instance.id of a service, by numbers of labels.
type instanceKey struct{ service, instance uint32 }

// whereabouts is where an instance runs: a place in identityTexts, and a number of its labels.
type whereabouts struct {
	kind  int
	where uint32
}

// qualityCounter holds the spans of chunks against rules. It belongs to one goroutine.
type qualityCounter struct {
	*assessing
	within         store.TimeRange // that is looked at
	looked, around uint64
	services       labels
	names          labels
	texts          [numTexts]labels
	whats          map[string]uint32 // numbers of cases' texts; 0 is ""
	whatList       []string
	full           bool
	totals         []serviceTotals
	cases          map[caseKey]*qualityTally
	recentCases    [1 << recentBits]recentCase
	instances      map[instanceKey]map[whereabouts]*qualityTally
	pairs          map[[2]uint32]uint64   // calls between services
	pairTexts      map[[2]uint32]uint32   // numbers of cases' texts
	oddNames       map[[2]uint32]struct{} // service and name, of names with ids
	allNames       map[[2]uint32]struct{} // service and name
	recentNames    [1 << recentBits][2]uint32
	templates      []nameLook // by number of the name
	fields         map[store.Field]*attributeLook
	faults         [][]valueFault
	calls, roots   map[callKey]*callTally
	traces         uint64
	dating         bool // only dates are looked at

	// Of the chunk, by row.
	chunk     store.Chunk
	judged    store.Bitmap // rows in the range, of the service that is asked for
	starts    []uint64
	durations []uint64
	kinds     []uint64
	statuses  []uint64
	parents   []int32
	ids       []span.SpanID
	own       []uint32
	named     []uint32
	text      [numTexts][]uint32
	weights   weigher
	memory    [3][]uint64
	links     *store.Column
	columns   []qualityColumn
	byField   map[store.Field]*store.Column
	present   map[store.Field]store.Bitmap
	groups    [len(callKeys)]store.Bitmap // rows with attributes of calls
	excepted  store.Bitmap                // rows with an exception

	clientColumns, serverColumns callColumns

	hits     [numRules]store.Bitmap
	answered store.Bitmap
	sharing  map[span.SpanID]sharedID
}

// sharedID is the first two rows of a trace with an id.
type sharedID struct {
	first, second int32
	many          bool
}

func newQualityCounter(a *assessing) *qualityCounter {
	w := &qualityCounter{
		assessing: a, within: a.Within, services: newLabels(serviceField), names: newLabels(nameField),
		whats: map[string]uint32{"": 0}, whatList: []string{""}, cases: map[caseKey]*qualityTally{},
		instances: map[instanceKey]map[whereabouts]*qualityTally{}, pairs: map[[2]uint32]uint64{}, pairTexts: map[[2]uint32]uint32{},
		oddNames: map[[2]uint32]struct{}{}, allNames: map[[2]uint32]struct{}{},
		fields: map[store.Field]*attributeLook{}, faults: make([][]valueFault, 2),
		calls: map[callKey]*callTally{}, roots: map[callKey]*callTally{},
		byField: map[store.Field]*store.Column{}, present: map[store.Field]store.Bitmap{}, sharing: map[span.SpanID]sharedID{},
	}
	for i, f := range textFields {
		w.texts[i] = newLabels(f)
	}
	for i := range w.recentNames {
		w.recentNames[i] = [2]uint32{unnamed, unnamed}
	}
	return w
}

func (w *qualityCounter) observe(c store.Chunk) error {
	traces := c.Traces()
	if len(traces) == 0 || !isChosen(traces[0].ID, w.rows[w.class(c)], w.SampleRows) {
		return nil
	}
	w.around += uint64(c.Len())
	if !w.begin(c) {
		return nil // it is told as a gap
	}
	if w.services.full {
		return errTooManyServices
	}
	w.findPresent()
	w.clientColumns, w.serverColumns = w.callColumns(clientCallFields), w.callColumns(serverCallFields)
	for _, run := range traces {
		w.lookAtTrace(run)
	}
	w.lookAtResources()
	w.lookAtNames()
	w.lookAtAttributes()
	w.lookAtRequirements()
	w.addTotals()
	return nil
}

// begin reads all that the chunk is asked for, and reports whether it could be read.
func (w *qualityCounter) begin(c store.Chunk) bool {
	w.chunk = c
	w.starts, w.parents, w.ids = c.Starts(), c.Parents(), c.SpanIDs()
	w.kinds = numbersOf(c, kindField, &w.memory[0])
	w.statuses, w.durations = numbersOf(c, statusField, &w.memory[1]), numbersOf(c, durationField, &w.memory[2])
	w.weights.begin(c)
	w.own = w.services.read(c, w.own)
	w.named = w.names.read(c, w.named)
	for i := range w.texts {
		w.text[i] = w.texts[i].read(c, w.text[i])
	}
	w.links = c.Column(linkTrace)
	w.readColumns(c)
	if c.Err() != nil {
		return false
	}
	for len(w.totals) < len(w.services.list) {
		w.totals = append(w.totals, serviceTotals{languages: map[uint32]uint64{}})
	}
	for i := range w.hits {
		w.hits[i] = cleared(w.hits[i], c.Len())
	}
	w.answered = cleared(w.answered, c.Len())
	w.judge(c)
	return true
}

func cleared(b store.Bitmap, rows int) store.Bitmap {
	if n := (rows + 63) / 64; cap(b) >= n {
		b = b[:n]
		clear(b)
		return b
	}
	return store.NewBitmap(rows)
}

// judge sets judged, and counts its rows.
func (w *qualityCounter) judge(c store.Chunk) {
	w.judged = append(w.judged[:0], c.Live()...)
	only, known := w.services.numbers[w.Service]
	isCut := cuts(c, w.within)
	for row := w.judged.Next(0); row >= 0; row = w.judged.Next(row + 1) {
		if isCut && !w.within.Contains(w.starts[row]) {
			w.judged.Clear(row)
			continue
		}
		if !w.dating {
			w.looked++
		}
		if w.Service != "" && (!known || w.own[row] != only) {
			w.judged.Clear(row)
			continue
		}
		if w.dating {
			continue
		}
		t := &w.totals[w.own[row]]
		t.seen++
		t.of[ofSpans] += w.weights.of(row)
		t.languages[w.text[languageText][row]]++
	}
}

// what returns the number of a case's text.
func (w *qualityCounter) what(text string) uint32 {
	n, ok := w.whats[text]
	if !ok {
		if len(w.whatList) >= maxCases {
			w.full = true
			return 0
		}
		n = uint32(len(w.whatList))
		w.whatList = append(w.whatList, text)
		w.whats[text] = n
	}
	return n
}

// hit notes that a row breaks a rule. What is said without a text is said once.
func (w *qualityCounter) hit(rule ruleID, row int, what uint32) *qualityTally {
	if !w.judged.Has(row) || what == 0 && w.hits[rule].Has(row) {
		return nil
	}
	w.hits[rule].Set(row)
	t := w.caseOf(caseKey{rule, w.own[row], what})
	w.count(t, row)
	return t
}

// recentCase is one of those that are found without a look into the map.
type recentCase struct {
	key   caseKey
	tally *qualityTally
}

func (k caseKey) slot() uint64 {
	return (uint64(k.what)<<32 | uint64(k.service)<<8 | uint64(k.rule)) * 0x9e3779b97f4a7c15 >> (64 - recentBits)
}

func (w *qualityCounter) caseOf(key caseKey) *qualityTally {
	recent := &w.recentCases[key.slot()]
	if recent.tally != nil && recent.key == key {
		return recent.tally
	}
	of := key
	t := w.cases[of]
	if t == nil && len(w.cases) >= maxCases {
		w.full = true
		of.what = 0
		t = w.cases[of]
	}
	if t == nil {
		t = &qualityTally{}
		w.cases[of] = t
	}
	*recent = recentCase{key, t}
	return t
}

func (w *qualityCounter) count(t *qualityTally, row int) {
	t.seen++
	t.weight += w.weights.of(row)
	w.example(t, row)
}

func (w *qualityCounter) example(t *qualityTally, row int) {
	if t.wants(w.starts[row]) {
		t.examples = addExample(t.examples, QualityExample{runOf(w.chunk, row).ID, w.ids[row], w.starts[row]})
	}
}

// addTotals counts the rows that break a rule, each once.
func (w *qualityCounter) addTotals() {
	for rule := range w.hits {
		for row := w.hits[rule].Next(0); row >= 0; row = w.hits[rule].Next(row + 1) {
			b := &w.totals[w.own[row]].broken[rule]
			b.seen++
			b.weight += w.weights.of(row)
		}
	}
}

// lookAtTrace looks at how the spans of a trace hang together.
func (w *qualityCounter) lookAtTrace(run store.TraceRun) {
	settled := w.settled(run)
	w.traces++
	clear(w.sharing)
	for row := run.Lo; row < run.Hi; row++ {
		w.share(row)
		p := int(w.parents[row])
		if p >= 0 && w.own[p] != w.own[row] {
			w.lookAtCall(p, row)
		}
		if !w.judged.Has(row) {
			continue
		}
		w.lookAtSpan(row)
		t := &w.totals[w.own[row]]
		if p == store.NoParent {
			t.of[ofRoots] += w.weights.of(row)
			if w.kinds[row] == client && w.texts[languageText].list[w.text[languageText][row]] != "webjs" {
				w.hit(ruleClientRoots, row, 0)
			}
			continue
		}
		t.of[ofParented] += w.weights.of(row)
		if p == store.LostParent && settled {
			w.lookAtOrphan(row)
		}
	}
	w.endTrace(run)
	w.lookAtSharing(run)
	w.listCalls(run)
}

// settled reports whether no more spans of a trace are to be expected.
func (w *qualityCounter) settled(run store.TraceRun) bool {
	for row := run.Lo; row < run.Hi; row++ {
		if end := w.starts[row] + w.durations[row]; end+settlesAfter > w.Now && end < w.Now+tooFuture {
			return false
		}
	}
	return true
}

func (w *qualityCounter) lookAtOrphan(row int) {
	if k := w.kinds[row]; k == server || k == consumer {
		w.hit(ruleOrphans, row, w.what(orphanOfCaller))
	} else {
		w.hit(ruleOrphans, row, w.what(orphanWithin))
	}
}

// Cases of SPA-002.
const (
	orphanOfCaller = "the caller's span is missing"
	orphanWithin   = "a span of the service itself is missing"
)

// lookAtSpan looks at a span by itself.
func (w *qualityCounter) lookAtSpan(row int) {
	t := &w.totals[w.own[row]]
	kind, took := w.kinds[row], int64(w.durations[row])
	if kind >= server && kind <= consumer {
		t.kinded = true
	}
	if took < 0 {
		w.hit(ruleEndsBeforeStart, row, 0)
	}
	if t.trace != w.traces {
		t.trace, t.spans, t.internal, t.short, t.first = w.traces, 0, 0, 0, int32(row)
		t.of[ofTraces] += w.weights.of(row)
	}
	t.spans++
	if kind == internal {
		t.internal++
	}
	if took >= 0 && took < shortSpan {
		t.short++
	}
	excepted := w.excepted.Has(row)
	failed := w.statuses[row] == statusError
	if excepted {
		t.of[ofExcepted] += w.weights.of(row)
		if !failed {
			w.hit(ruleExceptions, row, 0)
		}
	}
	if failed {
		t.of[ofFailed] += w.weights.of(row)
		if !excepted && w.isSilent(row) {
			w.hit(ruleSilentErrors, row, 0)
		}
	}
}

// internal is OTLP's SpanKind of what stays within a service.
const internal = 1

func eventAttr(key string) store.Field { return store.Attr(store.EventScope, key) }
func spanAttr(key string) store.Field  { return store.Attr(store.SpanScope, key) }

// tellErrors are attributes that say why a span failed.
var tellErrors = []store.Field{
	spanAttr("error.type"), spanAttr("http.response.status_code"), spanAttr("http.status_code"),
	spanAttr("rpc.grpc.status_code"), spanAttr("rpc.response.status_code"), spanAttr("db.response.status_code"),
}

// isSilent reports whether nothing says why a span failed.
func (w *qualityCounter) isSilent(row int) bool {
	if message, _ := w.byField[messageField].Value(row); message.Str != "" {
		return false
	}
	for _, f := range tellErrors {
		if w.has(f, row) {
			return false
		}
	}
	return true
}

// endTrace holds what was counted of a trace against limits. Each service is looked at in the row where it began.
func (w *qualityCounter) endTrace(run store.TraceRun) {
	for row := run.Lo; row < run.Hi; row++ {
		t := &w.totals[w.own[row]]
		if t.trace != w.traces || t.first != int32(row) {
			continue
		}
		if t.internal > maxInternalSpans {
			w.hit(ruleInternalSpans, row, 0)
		}
		if t.short > maxShortSpans {
			w.hit(ruleShortSpans, row, 0)
		}
		if t.spans > maxTraceSpans {
			w.hit(ruleManySpans, row, 0)
		}
	}
}

// share notes which rows of a trace have one id.
func (w *qualityCounter) share(row int) {
	s, ok := w.sharing[w.ids[row]]
	switch {
	case !ok:
		s = sharedID{first: int32(row), second: noRow}
	case s.second == noRow:
		s.second = int32(row)
	default:
		s.many = true
	}
	w.sharing[w.ids[row]] = s
}

// lookAtSharing notes the rows with one id, but for the two sides of a call.
func (w *qualityCounter) lookAtSharing(run store.TraceRun) {
	if len(w.sharing) == run.Hi-run.Lo {
		return
	}
	for row := run.Lo; row < run.Hi; row++ {
		s := w.sharing[w.ids[row]]
		if s.many || s.second != noRow && !areTwoSides(w.kinds[s.first], w.kinds[s.second]) {
			w.hit(ruleSharedIDs, row, 0)
		}
	}
}

func areTwoSides(a, b uint64) bool {
	return min(a, b) == server && max(a, b) == client || min(a, b) == producer && max(a, b) == consumer
}

// observeDates looks at spans of a range that nobody means to date so.
func (w *qualityCounter) observeDates(c store.Chunk, odd store.TimeRange) error {
	w.within, w.dating = odd, true
	defer func() { w.within, w.dating = w.Within, false }()
	if len(c.Traces()) == 0 || !w.begin(c) {
		return nil
	}
	what := w.what("dated before 2000")
	if odd.End == 0 {
		what = w.what("dated in the future")
	}
	for row := w.judged.Next(0); row >= 0; row = w.judged.Next(row + 1) {
		w.hit(ruleDates, row, what)
	}
	w.addTotals()
	return nil
}

// lookAtResources looks at what spans say of the service that sent them.
func (w *qualityCounter) lookAtResources() {
	unknown := make([]bool, len(w.services.list))
	for i, name := range w.services.list {
		unknown[i] = name == "unknown_service" || strings.HasPrefix(name, "unknown_service:")
	}
	instance := w.byField[resourceField("service.instance.id")]
	criticality := w.byField[resourceField("service.criticality")]
	kubernetes := w.kubernetes()
	for row := w.judged.Next(0); row >= 0; row = w.judged.Next(row + 1) {
		if w.own[row] == 0 {
			w.hit(ruleServiceName, row, 0)
		} else if unknown[w.own[row]] {
			w.hit(ruleUnknownService, row, 0)
		}
		if w.text[instanceText][row] != 0 {
			w.locate(row)
		} else if !isNoText(instance, row) { // a number is there, if of the wrong type
			w.hit(ruleInstancePresent, row, 0)
		}
		if w.text[versionText][row] == 0 {
			w.hit(ruleVersion, row, 0)
		}
		if w.text[environmentText][row] == 0 {
			w.hit(ruleEnvironment, row, 0)
		}
		if kubernetes != nil && kubernetes.Has(row) && w.text[podUIDText][row] == 0 {
			w.hit(rulePodUID, row, 0)
		}
		if criticality != nil {
			if v, ok := criticality.Value(row); ok && (v.Type != span.String || !isOneOf(v.Str, criticalities)) {
				w.hit(ruleCriticality, row, w.what(shortened(v.Str)))
			}
		}
	}
}

// isNoText reports whether a row has a value of another type than text.
func isNoText(column *store.Column, row int) bool {
	if column == nil {
		return false
	}
	v, ok := column.Value(row)
	return ok && v.Type != span.Empty && v.Type != span.String
}

// locate notes where an instance runs.
func (w *qualityCounter) locate(row int) {
	for kind, text := range identityTexts {
		where := w.text[text][row]
		if where == 0 {
			continue
		}
		key := instanceKey{w.own[row], w.text[instanceText][row]}
		places := w.instances[key]
		if places == nil {
			if len(w.instances) >= maxCases {
				return
			}
			places = map[whereabouts]*qualityTally{}
			w.instances[key] = places
		}
		at := whereabouts{kind, where}
		t := places[at]
		if t == nil {
			if len(places) >= maxQualityExamples {
				return
			}
			t = &qualityTally{}
			places[at] = t
		}
		w.count(t, row)
		return
	}
}
