package testkit

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// The environment of random tests. Clew takes none of its settings from variables of this prefix.
const (
	SeedVar   = "CLEW_TEST_SEED"   // repeats a run
	RoundsVar = "CLEW_TEST_ROUNDS" // makes a longer one, or one of a single round
)

// Seed returns the seed of a random test: that of the environment or, without it, a new one. A test that fails prints it.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := Number(t, SeedVar, rand.Uint64())
	t.Logf("repeat with %s=%d", SeedVar, seed)
	return seed
}

// Rounds returns how many rounds a random test takes; without a word of the environment a quarter of them with -short.
func Rounds(t testing.TB, otherwise uint64) uint64 {
	t.Helper()
	if testing.Short() {
		otherwise = (otherwise + 3) / 4
	}
	return Number(t, RoundsVar, otherwise)
}

// Number returns the value of a variable of the environment.
func Number(t testing.TB, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		t.Fatalf("%s=%q: expected a number", name, text)
	}
	return n
}
