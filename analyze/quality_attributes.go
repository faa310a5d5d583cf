package analyze

import (
	"slices"
	"strconv"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// attributeLook is what is known of a field whichever chunk it is in.
type attributeLook struct {
	field   store.Field
	old     string    // case of CLEW-006; "": it has its present name
	level   string    // case of RES-004; "": it stands right
	typ     span.Type // that the conventions want; Empty: any
	key     keyLook
	address bool // IP addresses are expected
	call    int  // place in callKeys, or -1
	listed  bool // its presence is asked for

	dict   store.Values
	byCode []uint32 // 0: not looked at yet; else place in faults
}

// valueFault is a rule that a value breaks.
type valueFault struct {
	rule ruleID
	what uint32
}

// fineValue is the place in faults of values that break no rule.
const fineValue = 1

// qualityColumn is a column of a chunk.
type qualityColumn struct {
	*store.Column
	look *attributeLook
}

// askedPresence are fields whose presence rules ask for.
var askedPresence = func() map[store.Field]bool {
	asked := map[store.Field]bool{eventAttr("exception.type"): true, eventAttr("exception.message"): true}
	for _, f := range tellErrors {
		asked[f] = true
	}
	for _, r := range requirements {
		for _, key := range r.anyOf {
			asked[spanAttr(key)] = true
		}
	}
	return asked
}()

// readColumns reads the columns of all attributes, and of texts that are none.
func (w *qualityCounter) readColumns(c store.Chunk) {
	clear(w.byField)
	w.columns = w.columns[:0]
	add := func(f store.Field) {
		column := c.Column(f)
		w.byField[f] = column
		if column.Codes == nil && column.Nums == nil {
			return
		}
		look := w.fields[f]
		if look == nil {
			if len(w.fields) >= maxAttributes {
				w.full = true
				return
			}
			look = newAttributeLook(f)
			w.fields[f] = look
		}
		w.columns = append(w.columns, qualityColumn{column, look})
	}
	for _, f := range []store.Field{messageField, eventField, store.Of(store.ScopeName), store.Of(store.ScopeVersion)} {
		add(f)
	}
	for _, f := range c.Attributes() {
		add(f)
	}
}

func newAttributeLook(f store.Field) *attributeLook {
	l := &attributeLook{field: f, call: -1, listed: askedPresence[f]}
	if f.Scope == store.IntrinsicScope {
		l.address = true
		return l
	}
	l.level, l.key, l.address = misplacedCase(f), lookAtKey(f.Key), expectsAddress(f)
	if f.Scope == store.SpanScope || f.Scope == store.ResourceScope {
		l.typ = attributeTypes[f.Key]
		if to, ok := renamedAttributes[f.Key]; ok {
			l.old = to.of(f.Key)
		}
	}
	if f.Scope == store.SpanScope {
		l.call = slices.IndexFunc(callKeys[:], func(begin string) bool { return strings.HasPrefix(f.Key, begin) })
	}
	return l
}

func misplacedCase(f store.Field) string {
	switch level := misplaced(f); {
	case level == "":
		return ""
	case level == "resource":
		return f.Key + " is on spans, and belongs to the resource"
	default:
		return f.Key + " is on the resource, and belongs to spans"
	}
}

// findPresent finds out which rows have the attributes that rules ask for.
func (w *qualityCounter) findPresent() {
	clear(w.present)
	rows := w.chunk.Len()
	for i := range w.groups {
		w.groups[i] = cleared(w.groups[i], rows)
	}
	w.excepted = cleared(w.excepted, rows)
	for _, column := range w.columns {
		l := column.look
		if !l.listed && l.call < 0 {
			continue
		}
		has := presence(column.Column, w.chunk)
		w.present[l.field] = has
		if l.call >= 0 {
			w.groups[l.call].Or(has)
		}
		if l.field.Scope == store.EventScope {
			w.excepted.Or(has)
		}
	}
}

// presence returns the rows of traces that have a value.
func presence(column *store.Column, c store.Chunk) store.Bitmap {
	has := store.NewBitmap(c.Len())
	switch {
	case column.Nums != nil && column.Has == nil:
		copy(has, c.Live())
	case column.Nums != nil:
		copy(has, column.Has)
	default:
		for row, code := range column.Codes[:c.Len()] {
			if code != store.NoCode {
				has.Set(row)
			}
		}
	}
	has.And(c.Live())
	return has
}

// has reports whether a row has a field of askedPresence.
func (w *qualityCounter) has(f store.Field, row int) bool {
	rows := w.present[f]
	return rows != nil && rows.Has(row)
}

// kubernetes returns the rows whose resource has an attribute of Kubernetes.
func (w *qualityCounter) kubernetes() (rows store.Bitmap) {
	for _, column := range w.columns {
		f := column.look.field
		if f.Scope != store.ResourceScope || !strings.HasPrefix(f.Key, "k8s.") {
			continue
		}
		has := presence(column.Column, w.chunk)
		if rows == nil {
			rows = has
		} else {
			rows.Or(has)
		}
	}
	return rows
}

// lookAtAttributes looks at the keys, types and values of attributes, and at the values of other texts.
func (w *qualityCounter) lookAtAttributes() {
	for _, column := range w.columns {
		l := column.look
		if l.old != "" || l.level != "" {
			w.lookAtKey(column)
		}
		if column.Codes != nil {
			w.lookAtCodes(column)
		} else {
			w.lookAtNumbers(column)
		}
	}
}

// lookAtKey notes the rows that have an attribute which should be another one.
func (w *qualityCounter) lookAtKey(column qualityColumn) {
	l := column.look
	rows := presence(column.Column, w.chunk)
	rows.And(w.judged)
	w.hitAll(ruleOldNames, rows, l.old)
	w.hitAll(ruleLevel, rows, l.level)
}

// hitAll notes that rows break a rule; "": they do not.
func (w *qualityCounter) hitAll(rule ruleID, rows store.Bitmap, text string) {
	if text == "" {
		return
	}
	what := w.what(text)
	for row := rows.Next(0); row >= 0; row = rows.Next(row + 1) {
		w.hit(rule, row, what)
	}
}

// lookAtCodes looks at each value of a dictionary once.
func (w *qualityCounter) lookAtCodes(column qualityColumn) {
	l, n := column.look, uint32(column.Dict.Len())
	if column.Dict != l.dict || len(l.byCode) < int(n) {
		l.dict = column.Dict
		l.byCode = slices.Grow(l.byCode[:0], int(n))[:n]
		clear(l.byCode)
	}
	for row, code := range column.Codes[:w.chunk.Len()] {
		if code >= n || l.byCode[code] == fineValue || !w.judged.Has(row) {
			continue
		}
		if l.byCode[code] == 0 {
			l.byCode[code] = w.judgeValue(l, column.Dict.At(code))
		}
		for _, v := range w.faults[l.byCode[code]] {
			w.hit(v.rule, row, v.what)
		}
	}
}

// lookAtNumbers looks at numbers, of which only long ones can be secret.
func (w *qualityCounter) lookAtNumbers(column qualityColumn) {
	const long = 1e12 // the shortest card number has 13 digits
	l := column.look
	wrong := l.typ != span.Empty && l.typ != column.Type && !(l.typ == span.Float && column.Type == span.Int)
	secrets := column.Type == span.Int
	if !wrong && !secrets {
		return
	}
	for row, num := range column.Nums[:w.chunk.Len()] {
		if !wrong && l.key.what == "" && int64(num) < long || !w.judged.Has(row) || column.Has != nil && !column.Has.Has(row) {
			continue
		}
		for _, v := range w.faults[w.judgeValue(l, span.Value{Type: column.Type, Num: num})] {
			w.hit(v.rule, row, v.what)
		}
	}
}

// judgeValue returns the place of what rules a value breaks.
func (w *qualityCounter) judgeValue(l *attributeLook, v span.Value) uint32 {
	var list []valueFault
	if l.typ != span.Empty && v.Type != l.typ && v.Type != span.Empty {
		list = append(list, valueFault{ruleTypes, w.what(l.field.Key + " is sent as " + v.Type.String() + ", and should be " + l.typ.String())})
	}
	if s := secretIn(l.key, v, 0); s.what != "" {
		rule := ruleSensitiveSpan
		if l.field.Scope == store.ResourceScope {
			rule = ruleSensitiveResource
		}
		list = append(list, valueFault{rule, w.what(placeOf(l.field) + " has a " + s.what + ": " + s.masked)})
	}
	if v.Type == span.String && !l.address && isPublicAddress(v.Str) {
		list = append(list, valueFault{ruleAddresses, w.what(placeOf(l.field) + " has a public IP address")})
	}
	if list == nil {
		return fineValue
	}
	if len(w.faults) >= maxCases { // what is told apart has its limit too
		w.full = true
	}
	w.faults = append(w.faults, list)
	return uint32(len(w.faults) - 1)
}

// placeOf names a field for people.
func placeOf(f store.Field) string {
	switch {
	case f == messageField:
		return "the status message"
	case f == eventField:
		return "the name of an event"
	case f.Scope == store.IntrinsicScope:
		return "the instrumentation scope"
	case f.Scope == store.SpanScope:
		return shortened(f.Key)
	}
	return shortened(f.Key) + " (" + f.Scope.String() + ")"
}

// maxNesting is how deep values are looked into.
const maxNesting = 8

// secretIn looks for something sensitive in a value with regard to its key, or in what is nested in it.
func secretIn(key keyLook, v span.Value, depth int) secret {
	switch v.Type {
	case span.String:
		if key.isID && allDigits(v.Str) {
			return secret{}
		}
		if s := findSecret(v.Str); s.what != "" {
			return s
		}
		return secretByKey(key.what, v.Str)
	case span.Int:
		text := strconv.FormatInt(v.Int(), 10)
		if key.what != "token" { // under which numbers are counts
			if s := secretByKey(key.what, text); s.what != "" {
				return s
			}
		}
		if !key.isID && len(text) <= maxCardNumber && isCard(text) {
			return secret{"card number", "**** " + text[len(text)-4:]}
		}
	case span.Array:
		return secretInList(key, v, depth)
	case span.Map:
		pairs, _ := v.Pairs()
		for _, p := range pairs {
			if s := secretIn(lookAtKey(p.Key), p.Value, depth+1); s.what != "" || depth >= maxNesting {
				return s
			}
		}
	}
	return secret{}
}

// maxCardNumber are the digits of the longest number that is taken for a card's: random integers have 19.
const maxCardNumber = 16

// secretInList looks into the elements of an array. Those of a command line belong together: --password, then its value.
func secretInList(key keyLook, v span.Value, depth int) secret {
	elements, _ := v.Elements()
	before := ""
	for _, e := range elements {
		if s := secretIn(key, e, depth+1); s.what != "" || depth >= maxNesting {
			return s
		}
		if e.Type != span.String {
			continue
		}
		if s := flagValue(before, e.Str); s.what != "" {
			return s
		}
		before = e.Str
	}
	return secret{}
}

// lookAtRequirements looks for attributes that spans of calls should have.
func (w *qualityCounter) lookAtRequirements() {
	for i := range requirements {
		r := &requirements[i]
		rows := slices.Clone(w.groups[slices.Index(callKeys[:], r.of)])
		for _, key := range r.anyOf {
			if has := w.present[spanAttr(key)]; has != nil {
				rows.AndNot(has)
			}
		}
		rows.And(w.judged)
		for _, kind := range r.kinds {
			what := uint32(0)
			for row := rows.Next(0); row >= 0; row = rows.Next(row + 1) {
				if w.kinds[row] != kind {
					continue
				}
				if what == 0 {
					what = w.what(r.anyOf[0] + " is missing on spans of kind " + kindNames[kind])
				}
				w.hit(ruleRequired, row, what)
			}
		}
	}
	for row := w.judged.Next(0); row >= 0; row = w.judged.Next(row + 1) {
		if w.kinds[row] > internal {
			continue
		}
		p := w.parents[row]
		isCall := p >= 0 && w.own[p] != w.own[row]
		for i := range w.groups {
			isCall = isCall || w.groups[i].Has(row)
		}
		if isCall {
			w.hit(ruleKinds, row, 0)
		}
	}
}

var kindNames = [...]string{server: "server", client: "client", producer: "producer", consumer: "consumer"}

// nameLook is what is known of a span's name.
type nameLook struct {
	known  bool
	odd    uint32 // case of CLEW-004, or 0
	least  int    // names that it has to stand for
	secret uint32 // case of SPA-006, or 0
}

// lookAtNames looks at the names of spans.
func (w *qualityCounter) lookAtNames() {
	for len(w.templates) < len(w.names.list) {
		w.templates = append(w.templates, nameLook{})
	}
	for row := w.judged.Next(0); row >= 0; row = w.judged.Next(row + 1) {
		name := w.named[row]
		if name == unnamed {
			w.full = true
			continue
		}
		key := [2]uint32{w.own[row], name}
		if recent := &w.recentNames[groupKey{key[0], key[1]}.slot()]; *recent != key {
			*recent = key
			w.allNames[key] = struct{}{}
		}
		l := &w.templates[name]
		if !l.known {
			*l = w.judgeName(w.names.list[name])
		}
		if l.odd != 0 {
			w.oddNames[key] = struct{}{}
			w.hit(ruleNames, row, l.odd)
		}
		if l.secret != 0 {
			w.hit(ruleSensitiveSpan, row, l.secret)
		}
	}
}

func (w *qualityCounter) judgeName(name string) nameLook {
	l := nameLook{known: true}
	if template, least := nameTemplate(name); least > 0 {
		if findSecret(template).what != "" {
			template = "(names with a secret)"
		}
		l.odd, l.least = w.what(shortened(template)), least
	}
	if s := findSecret(name); s.what != "" {
		l.secret = w.what("the span's name has a " + s.what + ": " + s.masked)
	}
	return l
}
