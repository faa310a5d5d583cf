package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// qualitySum brings together what several qualityCounters found.
type qualitySum struct {
	*assessing
	services     map[string]*serviceSum
	pairs        map[[2]string]uint64 // caller and callee
	calls, roots []*sideTally
	overflow     bool

	numbers          map[string]uint32 // of services in the keys of what follows
	callsBy, rootsBy map[callKey]*sideTally
}

// serviceSum is what is known of a service.
type serviceSum struct {
	serviceTotals
	byLanguage  map[string]uint64
	names       map[string]struct{}
	cases       map[ruleID]map[string]*qualityTally
	oddNames    map[string]map[string]struct{} // names by template
	leastNames  map[string]int                 // that a template has to stand for
	instances   map[string]map[string]*qualityTally
	brokenCalls []QualityCase
	calls       float64 // that brokenCalls are of
	callers     string
}

func newQualitySum(a *assessing) *qualitySum {
	return &qualitySum{
		assessing: a, services: map[string]*serviceSum{}, pairs: map[[2]string]uint64{},
		numbers: map[string]uint32{}, callsBy: map[callKey]*sideTally{}, rootsBy: map[callKey]*sideTally{},
	}
}

func (s *qualitySum) service(name string) *serviceSum {
	sum := s.services[name]
	if sum == nil {
		sum = &serviceSum{
			byLanguage: map[string]uint64{}, names: map[string]struct{}{}, cases: map[ruleID]map[string]*qualityTally{},
			oddNames: map[string]map[string]struct{}{}, leastNames: map[string]int{}, instances: map[string]map[string]*qualityTally{},
		}
		s.services[name] = sum
	}
	return sum
}

// add adds what a worker found.
func (s *qualitySum) add(w *qualityCounter) {
	s.overflow = s.overflow || w.full
	services := w.services.list
	for number := range w.totals {
		t := &w.totals[number]
		sum := s.service(services[number])
		sum.addTotals(t)
		for language, n := range t.languages {
			sum.byLanguage[w.texts[languageText].list[language]] += n
		}
	}
	for key, t := range w.cases {
		sum := s.service(services[key.service])
		byText := sum.cases[key.rule]
		if byText == nil {
			byText = map[string]*qualityTally{}
			sum.cases[key.rule] = byText
		}
		mergeInto(byText, w.whatList[key.what], t)
	}
	for pair, n := range w.pairs {
		s.pairs[[2]string{services[pair[0]], services[pair[1]]}] += n
	}
	for key := range w.allNames {
		s.service(services[key[0]]).names[w.names.list[key[1]]] = struct{}{}
	}
	for key := range w.oddNames {
		sum, name := s.service(services[key[0]]), w.names.list[key[1]]
		look := w.templates[key[1]]
		template := w.whatList[look.odd]
		if sum.oddNames[template] == nil {
			sum.oddNames[template], sum.leastNames[template] = map[string]struct{}{}, look.least
		}
		sum.leastNames[template] = min(sum.leastNames[template], look.least)
		sum.oddNames[template][name] = struct{}{}
	}
	s.addInstances(w)
	addSides(s.callsBy, s.numbers, services, w.calls)
	addSides(s.rootsBy, s.numbers, services, w.roots)
	s.calls, s.roots = sortedSides(s.callsBy), sortedSides(s.rootsBy)
}

func mergeInto(to map[string]*qualityTally, key string, t *qualityTally) {
	if to[key] == nil {
		to[key] = &qualityTally{}
	}
	to[key].merge(t)
}

func (s *serviceSum) addTotals(t *serviceTotals) {
	s.seen += t.seen
	s.kinded = s.kinded || t.kinded
	for i := range t.of {
		s.of[i] += t.of[i]
	}
	for i := range t.broken {
		s.broken[i].seen += t.broken[i].seen
		s.broken[i].weight += t.broken[i].weight
	}
	for i := range t.answered {
		s.answered[i] += t.answered[i]
		s.continued[i] += t.continued[i]
		s.called[i] += t.called[i]
	}
}

func (s *qualitySum) addInstances(w *qualityCounter) {
	for key, places := range w.instances {
		sum := s.service(w.services.list[key.service])
		instance := w.texts[instanceText].list[min(int(key.instance), len(w.texts[instanceText].list)-1)]
		if key.instance == unnamed {
			continue
		}
		if sum.instances[instance] == nil {
			sum.instances[instance] = map[string]*qualityTally{}
		}
		for at, t := range places {
			if at.where == unnamed {
				continue
			}
			text := &w.texts[identityTexts[at.kind]]
			mergeInto(sum.instances[instance], text.field.Key+" "+text.list[at.where], t)
		}
	}
}

// shareInstances makes a finding of instances that run in several places, of one sort.
func (s *serviceSum) shareInstances() {
	for instance, places := range s.instances {
		bySort := map[string][]string{}
		for place := range places {
			sort, _, _ := strings.Cut(place, " ")
			bySort[sort] = append(bySort[sort], place)
		}
		for sort, list := range bySort {
			if len(list) < 2 {
				continue
			}
			slices.Sort(list)
			what := fmt.Sprintf("%s is the id with several of %s: %s", shortened(instance), sort, shortened(strings.Join(list, ", ")))
			for _, place := range list {
				if s.cases[ruleInstanceUnique] == nil {
					s.cases[ruleInstanceUnique] = map[string]*qualityTally{}
				}
				mergeInto(s.cases[ruleInstanceUnique], what, places[place])
				s.broken[ruleInstanceUnique].seen += places[place].seen
				s.broken[ruleInstanceUnique].weight += places[place].weight
			}
		}
	}
}

// quality tells of the service.
func (s *serviceSum) quality(name string) ServiceQuality {
	s.shareInstances()
	s.judgeNames()
	if s.kinded {
		s.drop(ruleKinds)
	}
	q := ServiceQuality{Name: name, Language: s.language(), Seen: s.seen, Count: s.of[ofSpans], Names: len(s.names)}
	q.Score = qualityScore(func(r ruleID) bool { return s.broken[r].seen > 0 })
	q.Category = ScoreCategory(q.Score)
	for id := range QualityRules {
		if s.broken[id].seen > 0 {
			q.Findings = append(q.Findings, s.finding(ruleID(id), q.Language))
		}
	}
	slices.SortStableFunc(q.Findings, func(a, b QualityFinding) int {
		return cmp.Compare(b.Rule.Impact, a.Rule.Impact)
	})
	return q
}

// isSeen reports whether the service sent spans that were looked at, or that are dated oddly.
func (s *serviceSum) isSeen() bool { return s.seen > 0 || s.broken[ruleDates].seen > 0 }

func (s *serviceSum) drop(rule ruleID) {
	s.broken[rule].seen, s.broken[rule].weight = 0, 0
	delete(s.cases, rule)
}

// language is that of most spans, of several the first by name.
func (s *serviceSum) language() (language string) {
	for _, l := range slices.Sorted(maps.Keys(s.byLanguage)) {
		if l != "" && s.byLanguage[l] > s.byLanguage[language] || language == "" {
			language = l
		}
	}
	return language
}

// judgeNames leaves the templates that stand for as many names as they have to: one name with a number in it is no harm.
func (s *serviceSum) judgeNames() {
	texts := map[string]*qualityTally{}
	total := qualityTally{}
	for template, t := range s.cases[ruleNames] {
		if n := len(s.oddNames[template]); n >= max(s.leastNames[template], oneName) {
			texts[standsFor(template, n)] = t
			total.merge(t)
		}
	}
	s.drop(ruleNames)
	if n := len(s.names); len(texts) == 0 && n > maxSpanNames {
		texts[fmt.Sprintf("there are %d different names", n)] = &qualityTally{seen: s.seen, weight: s.of[ofSpans]}
		total = *texts[fmt.Sprintf("there are %d different names", n)]
	}
	if len(texts) > 0 {
		s.cases[ruleNames] = texts
		s.broken[ruleNames].seen, s.broken[ruleNames].weight = total.seen, total.weight
	}
}

func standsFor(template string, names int) string {
	if names == 1 {
		return template + " is in a name"
	}
	return fmt.Sprintf("%s stands for %d names", template, names)
}

func (s *serviceSum) finding(rule ruleID, language string) QualityFinding {
	r := &QualityRules[rule]
	f := QualityFinding{
		Rule: r, Seen: s.broken[rule].seen, Count: s.broken[rule].weight, Of: s.of[populations[rule]], Fix: r.Fix(language),
	}
	if rule == rulePropagation {
		f.Of, f.Cases = s.calls, s.brokenCalls
	}
	f.Of = max(f.Of, f.Count) // what is dated oddly is in no range
	for what, t := range s.cases[rule] {
		f.Cases = append(f.Cases, QualityCase{What: s.caseText(rule, what, t), Seen: t.seen, Count: t.weight, Examples: t.examples})
	}
	slices.SortFunc(f.Cases, func(a, b QualityCase) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.What, b.What))
	})
	if n := len(f.Cases); n > maxQualityCases {
		f.Cases, f.MoreCases = f.Cases[:maxQualityCases], n-maxQualityCases
	}
	return f
}

// caseText adds to a case's text what is known once all is counted.
func (s *serviceSum) caseText(rule ruleID, what string, t *qualityTally) string {
	switch {
	case rule != ruleSensitiveSpan && rule != ruleSensitiveResource && findSecret(what).what != "":
		return "(not shown, as there is a " + findSecret(what).what + " in it)"
	case rule == ruleClocks:
		mean := time.Duration(t.sum / float64(max(t.seen, 1)))
		return fmt.Sprintf("%s: the callee's clock is %s by up to %v, on average %v", what, direction(t.largest), roundedTime(time.Duration(magnitude(t.largest))), roundedTime(mean))
	case rule == ruleOrphans && what == orphanOfCaller:
		return what + s.callers
	}
	return what
}

// direction says how a clock is off that a time has to be added to.
func direction(skew int64) string {
	if skew > 0 {
		return "behind"
	}
	return "ahead"
}

func roundedTime(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d
}
