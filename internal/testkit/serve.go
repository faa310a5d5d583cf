package testkit

import (
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FreeAddress returns an address to listen on, for programs that cannot choose
// a port themselves. It is below those that systems give to who asks for any
// port, so that nobody is given it before the program listens.
func FreeAddress(t testing.TB) string {
	t.Helper()
	const first, ports = 10_000, 6_000
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(first+rand.IntN(ports)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// Serve runs a program until the end of the test. It returns when the program
// is ready, and fails the test if it ends before.
func Serve(t testing.TB, cmd *exec.Cmd, ready func() bool) {
	t.Helper()
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	var err error
	go func() {
		err = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	for !ready() {
		select {
		case <-ended:
			t.Fatalf("%s: %v\n%s", cmd, err, out.String())
		case <-time.After(20 * time.Millisecond): // before it is asked again
		}
	}
}
