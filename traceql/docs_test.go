package traceql

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
)

// docBlocks returns the code blocks of the guide that are in the given language.
func docBlocks(t *testing.T, language string) (blocks []string) {
	t.Helper()
	doc, err := os.ReadFile("../docs/traceql.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?)\n```\n").FindAllStringSubmatch(string(doc), -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("the guide has no blocks of %s", language)
	}
	return blocks
}

func TestExamplesOfTheGuide(t *testing.T) {
	for _, block := range docBlocks(t, "traceql") {
		for line := range strings.Lines(block) {
			q, err := Parse(strings.TrimSpace(line))
			if err != nil {
				t.Errorf("%s%v", line, err)
				continue
			}
			checkPrinted(t, q)
		}
	}
}

func TestPlainWordsOfTheGuide(t *testing.T) {
	for _, block := range docBlocks(t, "words") {
		lines := strings.Split(block, "\n")
		for i := 0; i+1 < len(lines); i += 2 {
			q, err := ParseAny(lines[i])
			if err != nil {
				t.Errorf("%s\n%v", lines[i], err)
				continue
			}
			if want := strings.TrimSpace(lines[i+1]); q.String() != want {
				t.Errorf("%s\nbecomes %s\nwant    %s", lines[i], q, want)
			}
		}
	}
}

func TestErrorsOfTheGuide(t *testing.T) {
	for _, block := range docBlocks(t, "text") {
		text, _, _ := strings.Cut(block, "\n")
		_, err := Parse(text)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s\nis parsed", text)
			continue
		}
		if got := e.Caret() + "\n" + e.Error(); got != block {
			t.Errorf("%s\nthe error is\n%s", text, got)
		}
	}
}

// The guide has every word of the language.
func TestGuideIsComplete(t *testing.T) {
	doc, err := os.ReadFile("../docs/traceql.md")
	if err != nil {
		t.Fatal(err)
	}
	words := append(sortedKeys(intrinsicsByName), sortedKeys(literals)...)
	words = append(words, sortedKeys(stageWords)...)
	words = append(words, sortedKeys(wordKeys)...)
	for _, word := range append(words, clauseWords...) {
		if !regexp.MustCompile("[^\\w:]" + word + "[^\\w:]").Match(doc) {
			t.Errorf("%q is not in the guide", word)
		}
	}
	for op := range spansetOps {
		if !strings.Contains(string(doc), strings.ReplaceAll(op, "|", `\|`)) {
			t.Errorf("%q is not in the guide", op)
		}
	}
}
