package traceql

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/clewhq/clew/store"
)

// labelledSeries makes series from lines such as "a=1 b=x | 1 2 -": labels, and values.
func labelledSeries(t *testing.T, lines ...string) (list []*TimeSeries) {
	for _, line := range lines {
		labels, values, ok := strings.Cut(line, "|")
		if !ok {
			t.Fatalf("no values in %q", line)
		}
		s := &TimeSeries{}
		for _, word := range strings.Fields(labels) {
			name, value, _ := strings.Cut(word, "=")
			s.Labels = append(s.Labels, Label{Name: name, Value: StringStatic(value)})
		}
		for _, word := range strings.Fields(values) {
			v := math.NaN()
			if word != "-" {
				if _, err := fmt.Sscan(word, &v); err != nil {
					t.Fatal(err)
				}
			}
			s.Values = append(s.Values, v)
		}
		list = append(list, s)
	}
	return list
}

func labelledLines(list []*TimeSeries) string {
	var lines []string
	for _, s := range list {
		var words []string
		for _, l := range s.Labels {
			words = append(words, l.Name+"="+l.Value.Str)
		}
		words = append(words, "|")
		for _, v := range s.Values {
			if math.IsNaN(v) {
				words = append(words, "-")
			} else {
				words = append(words, fmt.Sprint(v))
			}
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return strings.Join(lines, "\n")
}

func TestMetricsStages(t *testing.T) {
	input := []string{"a=1 | 1 5 -  2", "a=2 | 2 5 -  1", "a=3 | 3 5 7 -", "a=4 | - - - -"}
	for _, test := range []struct {
		stage MetricsStage
		want  []string
	}{
		{MetricsStage{Kind: TopK, N: 1}, []string{"a=1 | - 5 - 2", "a=3 | 3 - 7 -"}},
		{MetricsStage{Kind: TopK, N: 2}, []string{"a=1 | - 5 - 2", "a=2 | 2 5 - 1", "a=3 | 3 - 7 -"}},
		{MetricsStage{Kind: BottomK, N: 1}, []string{"a=1 | 1 5 - -", "a=2 | - - - 1", "a=3 | - - 7 -"}},
		{MetricsStage{Kind: TopK, N: 100}, []string{"a=1 | 1 5 - 2", "a=2 | 2 5 - 1", "a=3 | 3 5 7 -"}},
		{MetricsStage{Kind: FilterStage, Op: Greater, Value: IntStatic(2)}, []string{"a=1 | - 5 - -", "a=2 | - 5 - -", "a=3 | 3 5 7 -"}},
		{MetricsStage{Kind: FilterStage, Op: GreaterEqual, Value: DurationStatic(5e9)}, []string{"a=1 | - 5 - -", "a=2 | - 5 - -", "a=3 | - 5 7 -"}},
		{MetricsStage{Kind: FilterStage, Op: NotEqual, Value: FloatStatic(5)}, []string{"a=1 | 1 - - 2", "a=2 | 2 - - 1", "a=3 | 3 - 7 -"}},
		{MetricsStage{Kind: FilterStage, Op: Less, Value: FloatStatic(-1)}, nil},
	} {
		got := labelledLines(test.stage.apply(labelledSeries(t, input...)))
		if want := strings.Join(test.want, "\n"); got != want {
			t.Errorf("%v %v %v:\n%s\nwant\n%s", test.stage.Kind, test.stage.N, test.stage.Value, got, want)
		}
	}
}

// TestStageExemplars holds that a comparison is made with the exemplars' own values, and that they go with
// their series.
func TestStageExemplars(t *testing.T) {
	list := labelledSeries(t, "a=1 | 1 5", "a=2 | 1 1")
	list[0].Exemplars = []Exemplar{{Value: 1}, {Value: 7}}
	list[1].Exemplars = []Exemplar{{Value: 9}}
	stage := MetricsStage{Kind: FilterStage, Op: Greater, Value: IntStatic(2)}
	list = stage.apply(list)
	if len(list) != 1 || len(list[0].Exemplars) != 1 || list[0].Exemplars[0].Value != 7 {
		t.Errorf("left are %s with the exemplars %v", labelledLines(list), list[0].Exemplars)
	}
}

func TestMetricsMath(t *testing.T) {
	rate, count := &Series{Func: Rate}, &Series{Func: CountOverTime}
	number := func(f float64) *Const { return &Const{Value: FloatStatic(f)} }
	for _, test := range []struct {
		name   string
		l, r   Metrics
		op     Op
		lefts  []string
		rights []string
		want   []string
	}{
		{name: "same labels", l: rate, r: count, op: Sub,
			lefts: []string{"a=1 | 5 6", "a=2 | 7 8"}, rights: []string{"a=2 | 1 2", "a=1 | 3 4"},
			want: []string{"a=1 | 2 2", "a=2 | 6 6"}},
		{name: "labels in another order", l: rate, r: count, op: Add,
			lefts: []string{"a=1 b=2 | 5"}, rights: []string{"b=2 a=1 | 1"}, want: []string{"a=1 b=2 | 6"}},
		{name: "labels without a partner vanish", l: rate, r: count, op: Mul,
			lefts: []string{"a=1 | 5", "b=1 | 5"}, rights: []string{"a=1 | 2", "a=2 | 2", "a=1 b=1 | 2"}, want: []string{"a=1 | 10"}},
		{name: "one without labels on the right", l: rate, r: count, op: Div,
			lefts: []string{"a=1 | 5 6", "a=2 | 1 0"}, rights: []string{"__name__=count_over_time | 5 0"},
			want: []string{"a=1 | 1 -", "a=2 | 0.2 -"}},
		{name: "one without labels on the left", l: rate, r: count, op: Div,
			lefts: []string{"__name__=rate | 5 0"}, rights: []string{"a=1 | 5 6", "a=2 | 0 2"},
			want: []string{"a=1 | 1 0", "a=2 | - 0"}},
		{name: "two without labels", l: rate, r: count, op: Div,
			lefts: []string{"__name__=rate | 5 0 -"}, rights: []string{"__name__=count_over_time | 5 0 1"},
			want: []string{"__name__=(rate / count_over_time) | 1 - -"}},
		{name: "nothing on one side", l: rate, r: count, op: Add, lefts: []string{"a=1 | 1"}, want: nil},
		{name: "nothing left", l: rate, r: count, op: Div, lefts: []string{"a=1 | 1"}, rights: []string{"a=1 | 0"}, want: nil},
		{name: "number on the right", l: rate, r: number(100), op: Mul,
			lefts: []string{"__name__=rate | 1 2"}, want: []string{"__name__=(rate * 100) | 100 200"}},
		{name: "number on the left", l: number(1), r: rate, op: Sub,
			lefts: []string{"a=1 | 1 .25"}, want: []string{"a=1 | 0 0.75"}},
		{name: "by zero", l: rate, r: number(0), op: Div, lefts: []string{"a=1 | 1 2"}, want: nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := metricsMath{points: 2, memory: &seriesMemory{limit: 1 << 20}, leaves: map[*Series][]*TimeSeries{
				rate: labelledSeries(t, test.lefts...), count: labelledSeries(t, test.rights...),
			}}
			m.memory.left.Store(1 << 20)
			list, err := m.series(&MetricsOp{Op: test.op, L: test.l, R: test.r})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := labelledLines(list), strings.Join(test.want, "\n"); got != want {
				t.Errorf("%s\nwant\n%s", got, want)
			}
			m.memory.left.Store(0)
			if _, err := m.series(&MetricsOp{Op: test.op, L: test.l, R: test.r}); len(test.want) > 0 && !errors.Is(err, store.ErrTooLarge) {
				t.Errorf("without memory: %v", err)
			}
		})
	}
}

func TestSortTimeSeries(t *testing.T) {
	list := []*TimeSeries{
		{Labels: []Label{{"b", IntStatic(1)}}},
		{Labels: []Label{{"a", StringStatic("10")}}},
		{Labels: []Label{{"a", StringStatic("1")}, {"b", StringStatic("")}}},
		{Labels: []Label{{"a", FloatStatic(2.5)}}},
		{Labels: []Label{{"a", FloatStatic(-10)}}},
		{Labels: []Label{{"a", IntStatic(3)}}},
		{Labels: []Label{{"a", IntStatic(-3)}}},
		{Labels: []Label{{"a", Static{}}}},
		{Labels: []Label{{"a", StringStatic("1")}}},
	}
	sortTimeSeries(list)
	var got []string
	for _, s := range list {
		got = append(got, fmt.Sprint(s.Labels))
	}
	want := []string{"[{a nil}]", "[{a -3}]", "[{a 3}]", "[{a -10.0}]", "[{a 2.5}]", `[{a "1"}]`, `[{a "1"} {b ""}]`, `[{a "10"}]`, "[{b 1}]"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("order %v, want %v", got, want)
	}
}
