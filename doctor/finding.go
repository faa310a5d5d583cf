// Package doctor finds out why traces do not arrive, break or stay hidden. Examine looks at what a server has and
// counts; the rest looks from where an application runs: Environment at the variables of its SDK, Endpoint and
// Listeners at the way to the server, RoundTrips at whether spans are found that were sent, Clock at the time.
// Each gives findings.
package doctor

import (
	"fmt"
	"slices"
)

// Result is how a check ended.
type Result string

// The results, the worst last.
const (
	Skipped Result = "skipped" // it could not be made, and the evidence says why
	OK      Result = "ok"
	Warning Result = "warning"
	Problem Result = "problem"
)

var severity = []Result{Skipped, OK, Warning, Problem}

// Finding is what one check has found.
type Finding struct {
	// ID names what was found, and stays the same in later versions.
	ID string `json:"id"`
	// Check is the part of the examination that it belongs to.
	Check  Check  `json:"check"`
	Result Result `json:"result"`
	// Title is a sentence.
	Title string `json:"title"`
	// Evidence is what was seen, a line each.
	Evidence []string `json:"evidence,omitempty"`
	Cause    string   `json:"cause,omitempty"`
	// Fix is what to do: a command, a setting, or where to look.
	Fix string `json:"fix,omitempty"`
	// Services that it is about.
	Services []string `json:"services,omitempty"`
	// Traces are the ids of examples.
	Traces []string `json:"traces,omitempty"`
}

// Check is a part of the examination.
type Check string

// The checks, in the order in which they are told.
const (
	CheckEnvironment Check = "environment"
	CheckEndpoints   Check = "endpoints"
	CheckRoundTrip   Check = "round-trip"
	CheckClock       Check = "clock"
	CheckReceiving   Check = "receiving"
	CheckSampling    Check = "sampling"
	CheckStorage     Check = "storage"
	CheckServices    Check = "services"
	CheckPropagation Check = "propagation"
	CheckQuality     Check = "quality"
)

// Checks are all checks, in the order in which they are told.
var Checks = []Check{
	CheckEnvironment, CheckEndpoints, CheckRoundTrip, CheckClock, CheckReceiving, CheckSampling, CheckStorage, CheckServices, CheckPropagation, CheckQuality,
}

// Worst returns the worst result; OK if there is no finding.
func Worst(findings []Finding) Result {
	worst := OK
	for _, f := range findings {
		if slices.Index(severity, f.Result) > slices.Index(severity, worst) {
			worst = f.Result
		}
	}
	return worst
}

// maxListed is how many of a kind a finding names.
const maxListed = 10

// listed cuts lines of evidence to what a finding names, and says how many more there are.
func listed(lines []string) []string {
	if more := len(lines) - maxListed; more > 0 {
		return append(lines[:maxListed:maxListed], fmt.Sprintf("and %d more", more))
	}
	return lines
}

// examples cuts a list of trace ids, and leaves out those that are there twice.
func examples(ids []string) (list []string) {
	for _, id := range ids {
		if len(list) < maxListed && !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}
